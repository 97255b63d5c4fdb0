import type { Sayings } from '../run/said';

/**
 * What stands beside the numbers of a ledger, and the same in Korean, as in `findings.ko.ts`. What is not here is a formula, or a
 * name of the user's table, and stays as it is.
 *
 * The words are those of `crates/deltarule/src/explain`; `fixtures/ledger.json` has each of them, and a test asks for it here.
 */
export const ledger: Sayings = [
  // Names within the others.
  ['unit {n}', '유닛 {n}'],
  ['input {n}', '입력 {n}'],

  // Symbols.
  ['row {name}', '행 {name}'],
  ['weight', '가중치'],
  ['Σ over rows', '행에 대한 Σ'],
  ['{what}, of the rows', '{what}, 데이터 행에서 온 몫'],
  ['penalty {n}', '벌점 {n}'],

  // What they are.
  ['{n} where the row has this category', '행이 이 범주일 때 {n}'],
  ["W, the sum of the rows' weights", 'W, 행 가중치의 합'],
  ['of the row', '이 행에 준 가중치'],
  ['of the cross-entropy H', '교차 엔트로피 H의 기울기'],
  ['over the batch', '배치의 모든 행에서'],
  ["over the row's units", '이 행의 모든 유닛에서'],
  ['the weight from {from} to {to}', '{from} → {to} 가중치'],
  ['the bias of {name}', '{name}의 편향'],
  ['the scale of {name}', '{name}의 스케일'],
  ['the shift of {name}', '{name}의 시프트'],
  ['{name} of category {n}', '{name}, 범주 {n}'],
  ['the normalised input', '정규화된 입력'],
  ['the probability of what was seen', '실제로 나온 값의 확률'],
  ['the target', '정답'],
  ['the unit is left out', '드롭아웃으로 빠진 유닛'],
  ['the unit stays, {a}/({b} − rate)', '남아 있는 유닛, {a}/({b} − 드롭아웃 비율)'],

  // Formulas with words.
  ['{what} where a > {n}, else {otherwise}', 'a > {n}일 때 {what}, 아니면 {otherwise}'],
  ['{what} where ŷ > y, {otherwise} where ŷ < y', 'ŷ > y일 때 {what}, ŷ < y일 때 {otherwise}'],
  ['ŷ − y, but not beyond ±delta', 'ŷ − y, 다만 ±delta까지만'],
  ['−mean of g over the batch', '−(배치의 모든 행에서 g의 평균)'],
  ["−mean of g over the row's units", '−(이 행의 모든 유닛에서 g의 평균)'],
  ['−Σ over the outputs of g · ŷ, g = ∂C/∂ŷ', '−(모든 출력에 대한 Σ g · ŷ), g = ∂C/∂ŷ'],
];
