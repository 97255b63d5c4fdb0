// Formulas whose symbols know their numbers: `\s{key}` in a formula stands for a symbol of the table.

export interface Sign {
  /** How it is set. */
  tex: string;
  /** How it is written in a line of text. */
  text: string;
}

export type Signs = Record<string, Sign>;

/** The formula for KaTeX, each symbol marked with its key. */
export function marked(tex: string, signs: Signs): string {
  return tex.replace(/\\s\{(\w+)\}/g, (_, key: string) => {
    const sign = signs[key];
    if (!sign) throw new Error(`no symbol ${key} for ${tex}`);
    return `\\htmlData{symbol=${key}}{${sign.tex}}`;
  });
}

/** The keys of a formula, each once, in the order in which they are read. */
export function keys(tex: string): string[] {
  return [...new Set([...tex.matchAll(/\\s\{(\w+)\}/g)].map((found) => found[1] as string))];
}

/** The line below a formula, with numbers in the places of the symbols; a negative number stands in brackets. */
export function filled(text: string, values: Record<string, string>): string {
  return text.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = values[key] ?? '–';
    return value.startsWith('−') ? `(${value})` : value;
  });
}
