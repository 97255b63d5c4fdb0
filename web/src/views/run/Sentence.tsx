import { said } from '../../run/said';
import { language } from '../../shell/preferences';

/** What the library says, in the page's language where it is known, else in English, and marked as that. */
export function Sentence({ of }: { of: string }) {
  const { text, lang } = said(of, language.value);
  return <span lang={lang}>{text}</span>;
}
