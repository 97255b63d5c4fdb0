import type { Sayings } from '../run/said';

/**
 * What the library says of a run, sentence by sentence, and the same in Korean. A name in braces stands for a number, a
 * layer, a column, or for a word of this table; it is the same in both. Of two that fit, the first counts.
 *
 * The sentences are those of `crates/deltarule/src/health`; `fixtures/findings.json` has each of them, and a test asks for it
 * here. Korean particles that depend on the word before them are kept away from the names.
 */
export const findings: Sayings = [
  // Words within sentences.
  ['layer {n} ({kind}, {units} units)', '{n}번 층({kind}, 유닛 {units}개)'],
  ['layer {n} ({kind}, {units} units, {f})', '{n}번 층({kind}, 유닛 {units}개, {f})'],
  ['accuracy', '정확도'],
  ['r2', 'R²'],
  ['input', '입력'],
  ['forward', '순전파'],
  ['cost', '비용'],
  ['backward', '역전파'],
  ['update', '갱신'],
  ['the encoded rows hold NaN or infinity', '인코딩된 행에 NaN 또는 무한대가 있습니다'],
  ['an activation is NaN or infinite', '활성값 하나가 NaN 또는 무한대입니다'],
  ['the cost is NaN or infinite', '비용이 NaN 또는 무한대입니다'],
  ['a delta is NaN or infinite', 'δ 하나가 NaN 또는 무한대입니다'],
  ['a gradient is NaN or infinite', '기울기 하나가 NaN 또는 무한대입니다'],
  ['a parameter became NaN or infinite', '매개변수 하나가 NaN 또는 무한대가 되었습니다'],

  // Data and plan.
  [
    'share of the training targets that {output} cannot put out',
    '학습 목표값 가운데 {output} 출력이 낼 수 없는 것의 비율',
  ],
  [
    "ŷ = f(z) with f = {output} cannot be what these targets are: ŷ − y keeps its sign there, z runs to the end of f, and δ = ∂C/∂ŷ ⊙ f' with f' near 0 or the wrong level is all that is left",
    "출력이 ŷ = f(z), f = {output}일 때 ŷ은 이 목표값에 이를 수 없습니다. 그런 행에서는 ŷ − y의 부호가 바뀌지 않아 z가 f의 끝까지 밀려가고, f'이 0에 가까운 δ = ∂C/∂ŷ ⊙ f' 또는 어긋난 출력 수준만 남습니다.",
  ],
  [
    "for classes, {f} with {c} makes δ = ŷ − y; with {output} and {cost}, δ is another: it keeps the factor f' = ŷ(1−ŷ), which is nearly 0 where the network is sure and wrong",
    "분류에서는 출력 {f}, 비용 {c}일 때 δ = ŷ − y입니다. 지금처럼 출력 {output}, 비용 {cost}일 때는 δ에 인수 f' = ŷ(1−ŷ)이 남는데, 신경망이 확신하면서 틀린 곳에서 이 값은 거의 0입니다.",
  ],
  [
    'for classes, {f} with {c} makes δ = ŷ − y; with {output} and {cost}, δ is another: ŷ is no probability, and rows that are classed well already still pull at the weights',
    '분류에서는 출력 {f}, 비용 {c}일 때 δ = ŷ − y입니다. 지금처럼 출력 {output}, 비용 {cost}일 때는 δ가 다릅니다. ŷ은 확률이 아니며, 이미 잘 분류된 행도 계속 가중치를 끌어당깁니다.',
  ],
  [
    "share of a constant's error that column {column} removes by itself",
    '상수 예측의 오차 가운데 열 {column} 하나만으로 줄어드는 비율',
  ],
  ['its {score} on {n} rows that its table was not made of', '그 열의 표를 만드는 데 쓰지 않은 {n}개 행에서의 {score}'],
  ['the {score} of a constant', '상수 예측의 {score}'],
  [
    'column {column} alone gives the target away: is it known when a prediction is wanted, or does it come from the target? If so, the network learns to copy it, and its figures say nothing of new rows',
    '열 {column} 하나만으로 목표값이 드러납니다. 예측할 시점에 알 수 있는 값인가요, 아니면 목표값에서 나온 값인가요? 목표값에서 나왔다면 신경망은 그 열을 베끼는 법을 배울 뿐이고, 지표는 새로운 행에 대해 아무것도 말해 주지 않습니다.',
  ],
  [
    'root mean square of column {column} as it enters the network',
    '신경망에 들어가는 열 {column} 값의 제곱평균제곱근(RMS)',
  ],
  [
    '∂C/∂w = xᵀ·δ has x as a factor: the weights of column {column} get steps about {n} times those of a standardised one, and a learning rate that suits them is too small for all others',
    '∂C/∂w = xᵀ·δ에는 x가 인수로 들어 있습니다. 열 {column}의 가중치는 표준화한 열보다 약 {n}배 큰 걸음으로 움직이며, 그 열에 알맞은 학습률은 다른 모든 열에 너무 작습니다.',
  ],
  ['share of class {class}', '클래스 {class}의 비율'],
  ["share of the rarest class's rows that are found", '가장 드문 클래스의 행 가운데 찾아낸 비율'],
  [
    "C is a mean over rows, and class {class} has {n} of them: its δ is that share of a batch's gradient, and saying the other class always costs next to nothing; accuracy hides it",
    'C는 행에 대한 평균이고, 클래스 {class}의 비중은 {n}입니다. 배치의 기울기에서 그 클래스의 δ가 차지하는 몫도 그만큼이어서, 항상 다른 클래스라고 답해도 비용이 거의 들지 않습니다. 정확도만 보면 이 문제가 드러나지 않습니다.',
  ],

  // The way of the signal.
  [
    '‖w‖ of {layer} at the start, in that of its own initialiser',
    '시작할 때 {layer}의 ‖w‖ (그 층에 맞는 초기화의 ‖w‖ 기준)',
  ],
  [
    'the weights of {layer} start {n} times as large than its width and activation ask for: z = x·w + b is so large that activations are flat or far apart, and ∂C/∂a = δ·wᵀ grows by it on its way back',
    '{layer}의 가중치는 그 너비와 활성화 함수에 알맞은 크기의 {n}배에서 시작합니다. z = x·w + b가 너무 커서 활성화 함수가 평평한 곳에 머물거나 활성값이 서로 멀리 떨어지고, ∂C/∂a = δ·wᵀ은 거슬러 가면서 그만큼 커집니다.',
  ],
  [
    'the weights of {layer} start {n} times smaller than its width and activation ask for: all rows give nearly the same z = x·w + b, and ∂C/∂a = δ·wᵀ shrinks by it on its way back',
    '{layer}의 가중치는 그 너비와 활성화 함수에 알맞은 크기보다 {n}배 작게 시작합니다. 모든 행에서 z = x·w + b가 거의 같고, ∂C/∂a = δ·wᵀ은 거슬러 가면서 그만큼 줄어듭니다.',
  ],
  [
    'share of units of {layer} with the weights of their neighbour',
    '{layer}에서 이웃 유닛과 가중치가 같은 유닛의 비율',
  ],
  [
    "units of {layer} have equal incoming weights, so equal activations; with equal weights onward their δ_j = f'(z_j)·Σ_k w_jk·δ_k are equal too, and so are their steps: they stay one unit",
    "{layer}의 유닛들은 들어오는 가중치가 같아 활성값도 같습니다. 나가는 가중치까지 같으면 δ_j = f'(z_j)·Σ_k w_jk·δ_k도 같고 갱신도 같으므로, 계속 하나의 유닛처럼 움직입니다.",
  ],
  ['share of units of {layer} that are off in every row', '{layer}에서 모든 행에 대해 꺼져 있는 유닛의 비율'],
  ['share of its units that have never been on', '그 층에서 한 번도 켜진 적이 없는 유닛의 비율'],
  [
    "z is below 0 in every row for these units of {layer}: a = 0 and f' = 0, so δ = (δ·wᵀ) ⊙ f' is 0, ∂C/∂w = xᵀ·δ is 0, and nothing turns them on again",
    "{layer}의 이 유닛들에서는 모든 행의 z가 0보다 작습니다. a = 0이고 f' = 0이므로 δ = (δ·wᵀ) ⊙ f'도 0, ∂C/∂w = xᵀ·δ도 0이어서 다시 켜질 길이 없습니다.",
  ],
  [
    "share of activations of {layer} where f' is below 5 % of its most",
    "{layer}의 활성값 가운데 f'이 최댓값의 5 %보다 작은 것의 비율",
  ],
  ["what f' leaves of ‖∂C/∂a‖ there", "그 층에서 f'을 곱한 뒤 남는 ‖∂C/∂a‖의 비율"],
  [
    "{layer} sits where {f} is flat: f' = {formula} is nearly 0 there, and δ = (δ·wᵀ) ⊙ f' is as small",
    "{layer}의 유닛들은 {f}의 평평한 곳에 머물러 있습니다. 그곳에서는 f' = {formula}이 거의 0이고, δ = (δ·wᵀ) ⊙ f'도 그만큼 작아집니다.",
  ],
  ['‖δ‖ of the first layer over ‖∂C/∂a‖ of the last hidden one', '마지막 은닉층의 ‖∂C/∂a‖에 대한 첫 층 ‖δ‖의 비'],
  ["what the {count} factors of f' make of it together", "f'의 인수 {count}개를 모두 곱한 값"],
  ['what the factors of the weights make of it together', '가중치의 인수를 모두 곱한 값'],
  ["factor of f' at {layer}", "{layer}에서 f'의 인수"],
  ['factor of what lies after it', '그 뒤에 놓인 것의 인수'],
  [
    "δ_l = (δ_(l+1)·wᵀ) ⊙ f' loses most at {layer}, by the activation's factor (⊙ f'); through {count} such layers the first one's δ is {n} of what arrived at the last one, and ∂C/∂w = xᵀ·δ is as small",
    "δ_l = (δ_(l+1)·wᵀ) ⊙ f'은 {layer}에서 활성화 함수의 인수(⊙ f') 때문에 가장 많이 줄어듭니다. 이런 층 {count}개를 지나면 첫 층의 δ는 마지막 은닉층에 도달한 값의 {n}배이고, ∂C/∂w = xᵀ·δ도 그만큼 작아집니다.",
  ],
  [
    "δ_l = (δ_(l+1)·wᵀ) ⊙ f' loses most at {layer}, by the weights' factor (·wᵀ); through {count} such layers the first one's δ is {n} of what arrived at the last one, and ∂C/∂w = xᵀ·δ is as small",
    "δ_l = (δ_(l+1)·wᵀ) ⊙ f'은 {layer}에서 가중치의 인수(·wᵀ) 때문에 가장 많이 줄어듭니다. 이런 층 {count}개를 지나면 첫 층의 δ는 마지막 은닉층에 도달한 값의 {n}배이고, ∂C/∂w = xᵀ·δ도 그만큼 작아집니다.",
  ],
  ['‖δ‖ of the first layer over that of the last', '마지막 층의 ‖δ‖에 대한 첫 층 ‖δ‖의 비'],
  ['factor of what lies after {layer}', '{layer} 뒤에 놓인 것의 인수'],
  ["factor of its f'", "그 층에서 f'의 인수"],
  [
    "δ_l = (δ_(l+1)·wᵀ) ⊙ f' grows on its way back, most at {layer}: a step η·∂C/∂w of the first layers is then far longer than one of the last, and too long to be a descent",
    "δ_l = (δ_(l+1)·wᵀ) ⊙ f'은 거슬러 가면서 커지며, {layer}에서 가장 많이 커집니다. 그래서 앞쪽 층의 걸음 η·∂C/∂w가 마지막 층의 걸음보다 훨씬 길고, 너무 길어서 비용을 낮추지 못합니다.",
  ],

  // Steps.
  ['the step in which it happened', '그 일이 일어난 스텝'],
  [
    'in the {phase} phase of layer {n} {what}; what comes after has no value',
    '{phase} 단계의 {n}번 층: {what}. 그 뒤의 계산은 의미가 없습니다.',
  ],
  [
    'in the {phase} phase {what}; what comes after has no value',
    '{phase} 단계: {what}. 그 뒤의 계산은 의미가 없습니다.',
  ],
  [
    '‖Δw‖ of {layer} in step {step}, in the ‖w‖ of its own initialiser',
    '{step}번째 스텝에서 {layer}의 ‖Δw‖ (그 층에 맞는 초기화의 ‖w‖ 기준)',
  ],
  [
    '‖w‖ of {layer} in step {step}, in that of its own initialiser',
    '{step}번째 스텝에서 {layer}의 ‖w‖ (그 층에 맞는 초기화의 ‖w‖ 기준)',
  ],
  [
    'the highest cost of an epoch, in costs of a constant prediction',
    '가장 높았던 에폭의 비용 (상수 예측의 비용 기준)',
  ],
  [
    'w ← w − η·∂C/∂w replaces the weights instead of correcting them: the gradient holds near where it was taken, and η leads far beyond',
    'w ← w − η·∂C/∂w가 가중치를 고치는 것이 아니라 갈아치웁니다. 기울기는 그것을 구한 자리 근처에서만 맞는데, η가 훨씬 먼 곳까지 데려갑니다.',
  ],
  [
    'mean ‖Δw‖ of the layer that moved most, in the ‖w‖ of its own initialiser, times {n} steps',
    '가장 많이 움직인 층의 평균 ‖Δw‖에 스텝 수 {n}을 곱한 값 (그 층에 맞는 초기화의 ‖w‖ 기준)',
  ],
  [
    'w ← w − η·∂C/∂w moves the weights by so little of their length that all steps together cannot have left the start',
    'w ← w − η·∂C/∂w가 가중치를 그 크기에 비해 너무 조금씩 움직여서, 모든 스텝을 합쳐도 출발점을 벗어날 수 없었습니다.',
  ],
  ['share of the later epochs in which the cost turned', '뒤쪽 에폭 가운데 비용의 방향이 바뀐 것의 비율'],
  ['mean change from epoch to epoch, as a share of the cost', '에폭 사이의 평균 변화 (비용에 대한 비율)'],
  [
    "steps lead across the valley and back: η, or the steps that momentum 1/(1−μ) adds up, are longer than it is wide, or a batch's gradient differs from that of all rows",
    '스텝이 골짜기를 건너갔다가 되돌아옵니다. η, 또는 모멘텀 1/(1−μ)이 더해 놓은 걸음이 골짜기의 폭보다 길거나, 배치의 기울기가 모든 행의 기울기와 다릅니다.',
  ],
  [
    'change of the cost over the second half, in costs of a constant prediction',
    '후반부의 비용 변화 (상수 예측의 비용 기준)',
  ],
  ["share of a constant prediction's cost removed on training rows", '학습 행에서 상수 예측의 비용 가운데 줄어든 비율'],
  [
    'the cost has stopped falling where it is still high: the gradient is 0 there, or does not reach the weights that could lower it',
    '비용이 아직 높은 곳에서 더 이상 줄지 않습니다. 그곳에서 기울기가 0이거나, 비용을 낮출 수 있는 가중치까지 기울기가 도달하지 않습니다.',
  ],

  // What was learnt.
  ['standard deviation of the predictions, in that of the targets', '예측값의 표준편차 (목표값의 표준편차 기준)'],
  ['cost of a constant prediction', '상수 예측의 비용'],
  [
    "ŷ is nearly the same for every row: only the output's bias was learnt, whose gradient Σδ needs no x; what tells rows apart does not reach the output, or its gradient does not reach the weights",
    'ŷ이 모든 행에서 거의 같습니다. 기울기 Σδ에 x가 필요 없는 출력의 편향만 학습되었습니다. 행을 구별해 주는 정보가 출력에 도달하지 않거나, 그 기울기가 가중치에 도달하지 않습니다.',
  ],
  ["difference of what is removed of a constant prediction's cost", '상수 예측의 비용에서 줄어든 비율의 차이'],
  ['removed on training rows', '학습 행에서 줄어든 비율'],
  ['removed on validation rows', '검증 행에서 줄어든 비율'],
  ['training rows', '학습 행의 수'],
  [
    'the gradient is that of {n} training rows, and the weights have followed what is particular to them, which other rows do not have',
    '기울기는 학습 행 {n}개의 기울기이며, 가중치는 그 행들에만 있고 다른 행에는 없는 특징을 따라갔습니다.',
  ],
  [
    'the network has not learnt even the rows that it was trained on: penalties that weigh more than the cost, too few units or steps, a gradient that does not arrive, or columns that say nothing of the target',
    '신경망이 학습에 쓴 행조차 배우지 못했습니다. 벌점이 비용보다 무겁거나, 유닛이나 스텝이 너무 적거나, 기울기가 도달하지 않거나, 열에 목표값에 관한 정보가 없습니다.',
  ],
  [
    'share of 999 permutations of {n} validation targets fitted at least as well, times the {tries} epochs that the best was chosen from',
    '검증 목표값 {n}개의 순열 999개 가운데 같거나 더 잘 맞은 것의 비율에, 최선을 고른 에폭 수 {tries}를 곱한 값',
  ],
  [
    "share of a constant prediction's cost removed on validation rows",
    '검증 행에서 상수 예측의 비용 가운데 줄어든 비율',
  ],
  ['share of it removed on the training rows, in the best epoch', '가장 좋은 에폭에 학습 행에서 줄어든 비율'],
  [
    'what ŷ − y taught on the training rows says nothing of others: the targets have nothing to do with the columns, have been put beside the wrong rows, or the signal is too weak for so few rows',
    '학습 행의 ŷ − y에서 배운 것이 다른 행에는 아무 쓸모가 없습니다. 목표값이 열과 관계가 없거나, 엉뚱한 행과 짝지어졌거나, 이렇게 적은 행으로는 신호가 너무 약합니다.',
  ],

  // Remedies.
  ['leave column {column} out', '열 {column} 제외'],
  ['a tenth of the learning rate', '학습률을 10분의 1로'],
  ['a hundredth of the learning rate', '학습률을 100분의 1로'],
  ['a thousandth of the learning rate', '학습률을 1000분의 1로'],
  ['{n} times the learning rate', '학습률을 {n}배로'],
  ['the learning rate that the plan chooses', '자동으로 정해지는 학습률 사용'],
  [
    'relu in the hidden layers, whose slope is 1 wherever it is on, with its own start (He et al. 2015)',
    '은닉층에 켜져 있으면 기울기가 1인 relu를 쓰고, 그에 맞게 초기화 (He et al. 2015)',
  ],
  [
    'leaky_relu in the hidden layers, whose slope is never 0 (Maas et al. 2013), with a fresh start',
    '은닉층에 기울기가 0이 되지 않는 leaky_relu를 쓰고 (Maas et al. 2013), 새로 초기화',
  ],
  [
    'normalise before each activation, so that units work where their slope is large (Ioffe & Szegedy 2015)',
    '활성화 함수 앞마다 정규화하여, 기울기가 큰 곳에서 유닛이 작동하도록 함 (Ioffe & Szegedy 2015)',
  ],
  ['start each layer as its activation asks for (He or Glorot)', '층마다 활성화 함수에 맞게 초기화 (He 또는 Glorot)'],
  ['the network that the plan chooses', '자동으로 정해지는 신경망 사용'],
  ['a smaller network', '더 작은 신경망 사용'],
  [
    'two hidden layers: fewer factors between the cost and the first layer',
    '은닉층을 둘로: 비용과 첫 층 사이의 인수가 줄어듭니다',
  ],
  ["limit the gradient's norm (Pascanu et al. 2013)", '기울기의 노름 제한 (Pascanu et al. 2013)'],
  [
    'the momentum that the plan chooses: a step then lasts some ten steps',
    '자동으로 정해지는 모멘텀 사용: 한 걸음의 효과가 열 스텝쯤 이어집니다',
  ],
  [
    'batches of the size that the plan chooses, whose gradients vary less',
    '기울기가 덜 흔들리도록, 자동으로 정해지는 배치 크기 사용',
  ],
  ["adamw, which adapts each weight's step", '가중치마다 걸음을 맞추는 adamw 사용'],
  ['the output activation and the cost that belong to the task', '과제에 맞는 출력 활성화 함수와 비용 사용'],
  ['scale by median and quantiles, which outliers do not move', '이상값에 흔들리지 않는 중앙값과 분위수로 크기 조정'],
  ['standardise the columns', '열 표준화'],
  ['scale the columns as the plan chooses', '자동으로 정해지는 방법으로 열의 크기 조정'],
  ['no penalty on the weights, and no dropout', '가중치 벌점과 드롭아웃 없이'],
  [
    'drop units at random while training (Srivastava et al. 2014)',
    '학습하는 동안 유닛을 무작위로 제외 (Srivastava et al. 2014)',
  ],
  ['let weights decay ten times as fast', '가중치 감쇠를 10배로'],
  ['average five networks', '신경망 다섯 개의 평균 사용'],
  ["weigh each class's rows inversely to their number", '클래스마다 행의 수에 반비례하는 가중치 부여'],
  [
    'watch a figure that the frequent class does not decide, and weigh the classes',
    '흔한 클래스에 좌우되지 않는 지표를 관찰하고, 클래스에 가중치 부여',
  ],
  ['keep columns of one value, if they were left out by mistake', '값이 하나뿐인 열이 실수로 빠졌다면 다시 포함'],
  ['network, optimizer, steps and penalties as the plan chooses', '신경망, 최적화 기법, 스텝, 벌점을 모두 자동으로'],
];
