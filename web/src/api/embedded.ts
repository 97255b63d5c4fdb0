import type { RunEvent } from './types';

/** What `deltarule report` puts into the page: crates/server/src/report.rs says the same in Rust. */
export interface Report {
  run: string;
  /** By what would be asked for; a text says under which other key the answer stands. */
  answers: Record<string, unknown>;
  events: RunEvent[];
  thinned: { of: number; kept: number } | null;
  without: string | null;
}

/** The report that this page is; null where a server answers. */
export const report: Report | null = read();

function read(): Report | null {
  const text = typeof document === 'undefined' ? null : document.getElementById('report')?.textContent;
  return text ? (JSON.parse(text) as Report) : null;
}

/** What the report has to a question; undefined where it was not asked beforehand. */
export function answerIn(answers: Record<string, unknown>, path: string): unknown {
  const [what = '', query = ''] = path.split('?');
  const asked = new URLSearchParams(query);
  const name = decodeURIComponent(what);
  let key = name;
  if (name.endsWith('/explain')) {
    // An ensemble's first network is the one that a report tells of.
    if (asked.has('member')) return undefined;
    key = `${name}?row=${asked.get('row')}`;
    const parameter = asked.get('parameter');
    if (parameter) key += `&parameter=${parameter.replace(/^(\d+),/, 'layers.$1.w,')}`;
  }
  const found = answers[key];
  return typeof found === 'string' ? answers[found] : found;
}
