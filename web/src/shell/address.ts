import { signal } from '@preact/signals';
import { takeToken } from '../api/access';

/** Where the page is: the whole of its state that a link should carry, in the fragment (`#/run/xor-1?step=40`). */
export interface Address {
  path: string[];
  query: URLSearchParams;
}

function read(): Address {
  // First, so that the token is no part of a run's name.
  takeToken();
  const [path = '', query = ''] = location.hash.replace(/^#/, '').split('?');
  return { path: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

export const address = signal<Address>(read());

addEventListener('hashchange', () => {
  address.value = read();
});

export const runLink = (name: string) => `#/run/${encodeURIComponent(name)}`;
export const explainLink = (name: string) => `${runLink(name)}/explain`;

/** Changes parts of the query. It replaces the entry in the history: each cursor move would make one otherwise. */
export function setQuery(changes: Record<string, string | null>): void {
  const query = new URLSearchParams(address.value.query);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === '') query.delete(key);
    else query.set(key, value);
  }
  const text = query.toString();
  const path = address.value.path.map(encodeURIComponent).join('/');
  history.replaceState(null, '', `#/${path}${text ? `?${text}` : ''}`);
  address.value = { ...address.value, query };
}
