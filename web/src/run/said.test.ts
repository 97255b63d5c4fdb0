import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Finding, Remedy } from '../api/types';
import { findings } from '../messages/findings.ko';
import { ledger } from '../messages/ledger.ko';
import { inKorean, recognised, said } from './said';

const source = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
// Every sentence of the library's rules: a test in Rust keeps the file so.
const kept = JSON.parse(source('fixtures/findings.json')) as { findings: Finding[]; remedies: Remedy[] };
const texts = [
  ...kept.findings.flatMap((finding) => [
    finding.cause,
    ...finding.evidence.map((one) => one.what),
    ...finding.remedies.map((remedy) => remedy.what),
  ]),
  ...kept.remedies.map((remedy) => remedy.what),
  // What the trainer says of a step that failed.
  ...[...source('crates/deltarule/src/trainer/replay.rs').matchAll(/found\("\w+", [^"]*"([^"]+)"\)/g)].map(
    (m) => m[1] ?? '',
  ),
];

describe('findings in Korean', () => {
  it.each([...new Set(texts)])('%s', (text) => {
    const korean = inKorean(text);
    expect(korean, `add it to messages/findings.ko.ts`).not.toBeNull();
    expect(korean).not.toContain('{');
    // What English is left are names and symbols: functions, layers' kinds, columns in quotes, authors.
    const left = (korean ?? '')
      .replace(/"[^"]*"/g, '')
      .replace(/\b[a-z]_[a-z]{1,2}\b/g, '')
      .replace(/\([^()]* et al\. \d+\)|\(Ioffe & Szegedy 2015\)|He 또는 Glorot/g, '');
    const words = left.match(/[A-Za-z_]{3,}/g) ?? [];
    expect(words.filter((word) => !NAMES.has(word))).toEqual([]);
  });

  it('keeps the numbers of the sentence', () => {
    for (const text of new Set(texts)) {
      const numbers = (said: string) => (said.replace(/\br2\b/g, 'R²').match(/\d+(\.\d+)?/g) ?? []).sort();
      const words = /tenth|hundredth|thousandth|ten times|some ten/.test(text);
      if (!words) expect(numbers(inKorean(text) ?? ''), text).toEqual(numbers(text));
    }
  });

  it('has no sentence that nobody says', () => {
    const said = new Set<string>();
    const hear = (text: string) => {
      const known = recognised(text);
      if (!known) return;
      said.add(known.sentence.english);
      known.values.forEach(hear);
    };
    texts.forEach(hear);
    // A layer without an activation, a figure, phases: the fixtures need not have each.
    const others = ['layer {n} ({kind}, {units} units)', 'accuracy', 'input', 'backward', 'update'];
    expect(findings.map(([english]) => english).filter((english) => !said.has(english))).toEqual(others);
  });

  it('puts names and words where they belong', () => {
    expect(inKorean('share of units of layer 1 (dense, 16 units, relu) that are off in every row')).toBe(
      '1번 층(dense, 유닛 16개, relu)에서 모든 행에 대해 꺼져 있는 유닛의 비율',
    );
    expect(
      inKorean('in the forward phase of layer 1 an activation is NaN or infinite; what comes after has no value'),
    ).toBe('순전파 단계의 1번 층: 활성값 하나가 NaN 또는 무한대입니다. 그 뒤의 계산은 의미가 없습니다.');
    expect(inKorean('leave column "a \\"b\\", c" out')).toBe('열 "a \\"b\\", c" 제외');
  });

  it('leaves what it does not know as it was said', () => {
    expect(said('the moon is full', 'ko')).toEqual({ text: 'the moon is full', lang: 'en' });
    expect(said('average five networks', 'en')).toEqual({ text: 'average five networks', lang: 'en' });
    expect(said('average five networks', 'ko').lang).toBe('ko');
  });
});

describe('the words of a ledger in Korean', () => {
  const kept = JSON.parse(source('fixtures/ledger.json')) as Record<string, string[]>;
  const texts = Object.values(kept).flat();

  it.each(texts)('%s', (text) => {
    const korean = inKorean(text, ledger) ?? text;
    expect(korean).not.toMatch(/[{}]/);
    // Functions, and names of parameters and settings.
    const left = (korean.match(/[A-Za-z]{3,}/g) ?? []).filter(
      (word) => !/^(sign|mean|tanh|table|code|delta)$/.test(word),
    );
    expect(left, 'put it into messages/ledger.ko.ts').toEqual([]);
  });

  it('has none that nobody says', () => {
    const said = new Set<string>();
    const hear = (text: string) => {
      const known = recognised(text, ledger);
      if (!known) return;
      said.add(known.sentence.english);
      known.values.forEach(hear);
    };
    texts.forEach(hear);
    expect(ledger.map(([english]) => english).filter((english) => !said.has(english))).toEqual([]);
  });

  it('leaves names of the table as they are', () => {
    expect(inKorean('the weight from marital status to income > 50K', ledger)).toBe(
      'marital status → income > 50K 가중치',
    );
    expect(inKorean('the bias of unit 12', ledger)).toBe('유닛 12의 편향');
    expect(inKorean('age', ledger)).toBeNull();
    expect(inKorean('∂C/∂w0[3,1]', ledger)).toBeNull();
  });
});

const NAMES = new Set(
  'dense relu leaky_relu sigmoid tanh softmax identity cross_entropy binary_cross_entropy squared_error adamw NaN RMS'.split(
    ' ',
  ),
);
