import { ROOT, token } from '../api/client';
import type { Uploaded } from './protocol';

/** As much as the server takes: said here before a large file travels for nothing. */
export const MOST_BYTES = 64 << 20;

/** Sends a table to the server, which keeps it in memory; an answer in words where it cannot be read. */
export async function upload(file: File): Promise<Uploaded> {
  const answer = await fetch(`${ROOT}/play/tables?name=${encodeURIComponent(file.name)}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/octet-stream', 'X-Deltarule-Token': token() },
    body: file,
  });
  if (!answer.ok) throw new Error((await answer.text()).trim() || `${answer.status} ${answer.statusText}`);
  const told = (await answer.json()) as Uploaded;
  sessionStorage.setItem(`deltarule-table-${told.upload}`, JSON.stringify(told.columns.map(({ name }) => name)));
  return told;
}

/** The names of a sent table's columns, after a reload as well; of a link from elsewhere only the target is known. */
export function columnsOf(id: string, target: string): string[] {
  const kept = sessionStorage.getItem(`deltarule-table-${id}`);
  return kept ? (JSON.parse(kept) as string[]) : [target];
}

/** What the network of a session can be taken away as. */
export const exportLink = (session: string, file: 'config.toml' | 'model.safetensors') =>
  `${ROOT}/play/${encodeURIComponent(session)}/${file}`;
