import { words } from '../shell/preferences';
import { ROOT, token } from './access';
import { answerIn, report } from './embedded';
import type { Evaluation, Explained, PartOfRows, Rows } from './model';
import type { About, Control, Detail, Summary } from './types';

async function get<T>(path: string): Promise<T> {
  if (report) {
    const found = answerIn(report.answers, path);
    if (found === undefined) throw new Error(words.value.evaluation.report.absent);
    return found as T;
  }
  const answer = await fetch(`${ROOT}/${path}`);
  if (!answer.ok) throw new Error((await answer.text()).trim() || `${answer.status} ${answer.statusText}`);
  return (await answer.json()) as T;
}

export const about = () => get<About>('about');
export const runs = () => get<{ runs: Summary[] }>('runs');
export const run = (name: string) => get<Detail>(`runs/${encodeURIComponent(name)}`);

export const rows = (name: string, part: PartOfRows | '', from: number, count: number) =>
  get<Rows>(`runs/${encodeURIComponent(name)}/rows?${part && `part=${part}&`}from=${from}&count=${count}`);

export const explained = (name: string, row: number, parameter: string, member: number) =>
  get<Explained>(
    `runs/${encodeURIComponent(name)}/explain?row=${row}${parameter && `&parameter=${encodeURIComponent(parameter)}`}${
      member > 1 ? `&member=${member}` : ''
    }`,
  );

export const evaluation = (name: string) => get<Evaluation>(`runs/${encodeURIComponent(name)}/evaluation`);

export async function send(name: string, control: Control): Promise<void> {
  const answer = await fetch(`${ROOT}/runs/${encodeURIComponent(name)}/controls`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'X-Deltarule-Token': token(),
    },
    body: JSON.stringify(control),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
}
