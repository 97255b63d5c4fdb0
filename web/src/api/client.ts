import type { About, Control, Detail, Summary } from './types';

export const ROOT = '/api/v1';

/** The token arrives in the address's fragment, which is never sent; it is taken out so that no copied link holds it. */
export function takeToken(): void {
  const found = /[#?&]token=([^&]+)/.exec(location.hash);
  if (!found?.[1]) return;
  sessionStorage.setItem('deltarule-token', decodeURIComponent(found[1]));
  const rest = location.hash.replace(/([#?&])token=[^&]+&?/, '$1').replace(/[#?&]$/, '');
  history.replaceState(null, '', location.pathname + location.search + rest);
}

export const token = () => sessionStorage.getItem('deltarule-token') ?? '';

async function get<T>(path: string): Promise<T> {
  const answer = await fetch(`${ROOT}/${path}`);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return (await answer.json()) as T;
}

export const about = () => get<About>('about');
export const runs = () => get<{ runs: Summary[] }>('runs');
export const run = (name: string) => get<Detail>(`runs/${encodeURIComponent(name)}`);

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
