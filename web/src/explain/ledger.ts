import { ledger } from '../messages/ledger.ko';
import { inKorean } from '../run/said';
import { language } from '../shell/preferences';

/** What stands beside a ledger's numbers, in the page's language; a formula, or a name of the user's, as it is. */
export function told(text: string): string {
  return (language.value === 'ko' ? inKorean(text, ledger) : null) ?? text;
}
