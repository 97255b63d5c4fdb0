/** An exponential mean that begins without a bias to 0; `weight` 0 leaves the numbers as they are. Gaps stay gaps. */
export function smooth(values: Float64Array, weight: number): Float64Array {
  if (weight <= 0) return values;
  const out = new Float64Array(values.length);
  let [sum, whole] = [0, 0];
  values.forEach((value, at) => {
    if (Number.isFinite(value)) {
      sum = weight * sum + (1 - weight) * value;
      whole = weight * whole + (1 - weight);
      out[at] = sum / whole;
    } else out[at] = Number.NaN;
  });
  return out;
}
