/** How a formula of the lesson says it: for KaTeX, and as a line of numbers. */
interface Told {
  tex: string;
  line: string;
}

/** f′ of an activation, by z and by the a that the forward pass has stored. */
export interface Slope extends Told {
  at: (z: number, a: number) => number;
}

const WHERE_ON = (off: string) => `\\s{slope} = \\begin{cases}1 & \\s{a} > 0\\\\ ${off} & \\s{a} \\le 0\\end{cases}`;

/** The activations that the last step offers. */
export const SLOPES: Record<string, Slope> = {
  sigmoid: {
    tex: '\\s{slope} = \\s{a}\\,(1 - \\s{a})',
    line: 'f′ = {a} · (1 − {a}) = {slope}',
    at: (_, a) => a * (1 - a),
  },
  tanh: {
    tex: '\\s{slope} = 1 - \\s{a}^2',
    line: 'f′ = 1 − {a}² = {slope}',
    at: (_, a) => 1 - a * a,
  },
  relu: { tex: WHERE_ON('0'), line: 'a = {a},  f′ = {slope}', at: (_, a) => (a > 0 ? 1 : 0) },
  leaky_relu: { tex: WHERE_ON('0.01'), line: 'a = {a},  f′ = {slope}', at: (_, a) => (a > 0 ? 1 : 0.01) },
  gelu: {
    tex: '\\s{slope} = \\Phi(\\s{z}) + \\s{z}\\,\\varphi(\\s{z})',
    line: 'f′ = Φ({z}) + {z} · φ({z}) = {slope}',
    at: (z) => normal(z) + (z * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI),
  },
};

/** Φ, to 10⁻⁷ (Abramowitz & Stegun, 7.1.26). */
function normal(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const erf = 1 - series.reduce((sum, one) => (sum + one) * t, 0) * Math.exp(-x * x);
  return 0.5 * (1 + Math.sign(z) * erf);
}

/** The variance of the weights that an initialiser draws. */
export interface Start extends Told {
  variance: (fanIn: number, fanOut: number) => number;
}

/** By the name that the plan gives it. */
export function startOf(initializer: string): Start | null {
  if (initializer.startsWith('glorot')) {
    return {
      tex: '\\s{variance} = \\frac{2}{\\s{fanIn} + \\s{fanOut}}',
      line: 'Var(w) = 2 / ({fanIn} + {fanOut}) = {variance}',
      variance: (fanIn, fanOut) => 2 / (fanIn + fanOut),
    };
  }
  if (initializer.startsWith('he')) {
    return {
      tex: '\\s{variance} = \\frac{2}{\\s{fanIn}}',
      line: 'Var(w) = 2 / {fanIn} = {variance}',
      variance: (fanIn) => 2 / fanIn,
    };
  }
  return initializer === 'zeros' ? { tex: '\\s{variance} = 0', line: 'Var(w) = {variance}', variance: () => 0 } : null;
}
