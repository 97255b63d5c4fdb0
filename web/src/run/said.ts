import { findings } from '../messages/findings.ko';
import type { Language } from '../shell/preferences';

/** What a name in braces stands for, where it is more than one word. */
const KINDS: Record<string, string> = {
  layer: String.raw`layer \d+ \([^)]*\)`,
  // As Rust writes a string for debugging.
  column: String.raw`"(?:[^"\\]|\\.)*"`,
  class: String.raw`"(?:[^"\\]|\\.)*"`,
  what: '.+',
  otherwise: '.+',
  name: '.+',
  from: '.+',
  to: '.+',
};
const WORD = String.raw`[^\s,;"]+`;

interface Sentence {
  english: string;
  korean: string;
  pattern: RegExp;
  names: string[];
}

/** What the library says, and how it is said in Korean. */
export type Sayings = readonly (readonly [english: string, korean: string])[];

const read = new Map<Sayings, Sentence[]>();

/** Each saying as a pattern, made once. */
function sentencesOf(sayings: Sayings): Sentence[] {
  const known = read.get(sayings);
  if (known) return known;
  const sentences = sayings.map(([english, korean]) => {
    const names: string[] = [];
    const pattern = english
      .split(/\{(\w+)\}/)
      .map((piece, at) => {
        if (at % 2 === 0) return piece.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
        names.push(piece);
        return `(${KINDS[piece] ?? WORD})`;
      })
      .join('');
    return { english, korean, pattern: new RegExp(`^${pattern}$`, 'u'), names };
  });
  read.set(sayings, sentences);
  return sentences;
}

/** The sentence that a text is, and what stands where it has names. */
export function recognised(
  text: string,
  sayings: Sayings = findings,
): { sentence: Sentence; values: Map<string, string> } | null {
  for (const sentence of sentencesOf(sayings)) {
    const found = sentence.pattern.exec(text);
    if (found) return { sentence, values: new Map(sentence.names.map((name, at) => [name, found[at + 1] ?? ''])) };
  }
  return null;
}

/** A sentence of the library in Korean; `null` where it is none that is known. */
export function inKorean(text: string, sayings: Sayings = findings): string | null {
  const known = recognised(text, sayings);
  if (!known) return null;
  return known.sentence.korean.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = known.values.get(name) ?? '';
    return inKorean(value, sayings) ?? value;
  });
}

export interface Said {
  text: string;
  lang: Language;
}

/** What the library says, in the page's language where it is known, else as it was said. */
export function said(text: string, language: Language): Said {
  const korean = language === 'ko' ? inKorean(text) : null;
  return korean === null ? { text, lang: 'en' } : { text: korean, lang: 'ko' };
}
