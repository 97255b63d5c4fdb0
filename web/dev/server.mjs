// A stand-in for `deltarule serve`, for development and pictures: speaks its contract out of run folders.
// node dev/server.mjs [RUNS] [PORT]; findings come from RUN/.doctor.json (deltarule doctor RUN --budget 0 --json), if there.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const [folder = '/tmp/demo/runs', port = '4173'] = process.argv.slice(2);
const dist = new URL('../dist/', import.meta.url).pathname;
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'";

function settings(text) {
  const found = {};
  for (const line of text.split('\n')) {
    const pair = /^(\w+) = (.+)$/.exec(line);
    if (!pair) continue;
    try {
      found[pair[1]] = JSON.parse(pair[2]);
    } catch {
      found[pair[1]] = pair[2];
    }
  }
  return found;
}

/** The complete lines from a byte on, and the offset after them. */
function linesAfter(name, after) {
  const path = join(folder, name, 'events.jsonl');
  if (!existsSync(path)) return { lines: [], offset: 0 };
  const bytes = readFileSync(path);
  const end = bytes.lastIndexOf(10) + 1;
  return { lines: bytes.subarray(after, end).toString().split('\n').filter(Boolean), offset: end };
}

const known = new Map();

/** A run's summary, read again only when its file has changed. */
function detail(name) {
  const path = join(folder, name, 'events.jsonl');
  const stamp = existsSync(path) ? `${statSync(path).size} ${statSync(path).mtimeMs}` : '';
  if (known.get(name)?.stamp !== stamp) known.set(name, { stamp, detail: read(name) });
  return known.get(name).detail;
}

function read(name) {
  const events = linesAfter(name, 0).lines.map((line) => JSON.parse(line));
  const last = (kind) => events.findLast((event) => event.event === kind);
  const told = join(folder, name, '.doctor.json');
  let findings = null;
  try {
    findings = JSON.parse(readFileSync(told, 'utf8')).findings;
  } catch {
    // No findings told: the run is under way, or nobody asked.
  }
  const config = settings(readFileSync(join(folder, name, 'config.toml'), 'utf8'));
  const [epoch, started, ended] = [last('epoch'), last('started'), last('ended')];
  const validation = epoch?.validation ?? {};
  const watched = config.early_stopping in validation ? config.early_stopping : Object.keys(validation)[0];
  const best = events.findLast((event) => event.event === 'epoch' && event.best) ?? epoch;
  const count = (severity) => findings.filter((finding) => finding.severity === severity).length;
  const state = last('failed') ? 'failed' : !ended ? 'running' : ended.reason === 'stopped' ? 'stopped' : 'finished';
  return {
    name,
    state,
    began: events[0]?.time ?? null,
    changed: events.at(-1)?.time ?? null,
    data: config.data,
    task: config.task,
    parts: events.filter((event) => event.event === 'started').map((event) => event.part),
    epochs: { done: epoch?.epoch ?? 0, planned: started?.epochs ?? 0 },
    step: epoch?.step ?? 0,
    parameters: started?.parameters ?? 0,
    cost: epoch?.cost ?? null,
    watched: watched ? { name: watched, value: best.validation[watched], epoch: best.epoch } : null,
    validation,
    seconds: ended?.seconds ?? epoch?.seconds ?? 0,
    settings: config,
    findings: findings && { error: count('error'), warning: count('warning'), note: count('note') },
    can_control: state === 'running' || state === 'paused',
    findings_told: findings ?? [],
    layers: started?.layers ?? [],
  };
}

const names = () =>
  readdirSync(folder).filter((name) => existsSync(join(folder, name, 'config.toml')) && statSync(join(folder, name)));

function summaries() {
  return {
    runs: names().map((name) => {
      const { findings_told: _, layers: __, ...summary } = detail(name);
      return summary;
    }),
  };
}

function stream(request, response, begin) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const tick = begin((event, data, id) =>
    response.write(
      `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
    ),
  );
  tick();
  const timer = setInterval(tick, 1000);
  request.on('close', () => clearInterval(timer));
}

function streamEvents(request, response, name, from) {
  stream(request, response, (send) => {
    let after = from;
    let first = true;
    return () => {
      const path = join(folder, name, 'events.jsonl');
      const size = existsSync(path) ? statSync(path).size : 0;
      if (size < after) {
        send('reset', {});
        after = 0;
      } else if (size === after && !first) return;
      first = false;
      const { lines, offset } = linesAfter(name, after);
      for (let at = 0; at < lines.length; at += 1000) {
        const batch = lines.slice(at, at + 1000);
        after += batch.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
        send('events', `[${batch.join(',')}]`, at + 1000 >= lines.length ? offset : after);
      }
      after = offset;
      send('whole', {});
    };
  });
}

function answer(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const json = (body, status = 200) =>
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  const [, api, , ...rest] = url.pathname.split('/').map(decodeURIComponent);
  if (api !== 'api') {
    const path = join(dist, normalize(url.pathname === '/' ? '/index.html' : url.pathname));
    if (!existsSync(path)) return response.writeHead(404).end();
    response.writeHead(200, {
      'Content-Type': TYPES[extname(path)] ?? 'text/plain',
      'Content-Security-Policy': POLICY,
    });
    return response.end(readFileSync(path));
  }
  if (rest[0] === 'about') return json({ version: '0.0.0-dev', runs: folder, can_control: true });
  if (rest[0] === 'runs' && rest.length === 1) return json(summaries());
  if (rest[0] === 'changes') {
    return stream(request, response, (send) => {
      let before = '';
      return () => {
        const now = summaries();
        const text = JSON.stringify(now);
        if (text !== before) send('runs', now);
        before = text;
      };
    });
  }
  if (!names().includes(rest[1])) return json({ error: 'no such run' }, 404);
  if (rest[2] === 'controls') return json({}, 202);
  if (rest[2] === 'events') {
    const from = request.headers['last-event-id'] ?? url.searchParams.get('after') ?? 0;
    return streamEvents(request, response, rest[1], Number(from));
  }
  return json(detail(rest[1]));
}

createServer((request, response) => {
  try {
    answer(request, response);
  } catch (error) {
    if (!response.headersSent) response.writeHead(500);
    response.end(String(error));
  }
}).listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`));
