import type { Parameter } from './protocol';

type Numbers = (number | null)[];

/** As the library's ledgers write it. */
export const symbol = ({ layer, from, to }: Parameter) =>
  from === null ? `b${layer}[${to}]` : `w${layer}[${from},${to}]`;

/** A parameter's number among those of its layer, `units` wide: w is told row by row, a row for each unit it comes from. */
export function numberOf(
  told: { w: Numbers; b: Numbers } | undefined,
  { from, to }: Parameter,
  units: number,
): number | null {
  return (from === null ? told?.b[to] : told?.w[from * units + to]) ?? null;
}
