import type { evaluation as en } from './evaluation.en';

export const evaluation: typeof en = {
  title: '모델의 성능',
  on: (part, rows, of) => `${part} ${of}개 중 ${rows}개로 측정했습니다.`,
  parts: {
    validation: '검증 행',
    test: '테스트 행',
    training: '학습 행(따로 남겨 둔 행 없음)',
    all: '행',
  },
  confusion: '혼동 행렬',
  confusionHint: '가로줄은 실제 클래스, 세로줄은 예측 클래스입니다. 색은 가로줄 안에서의 비율입니다.',
  trueClass: '실제',
  predictedClass: '예측',
  calibration: '보정 곡선',
  calibrationHint: (of) =>
    `${of}일 확률이 80 %라고 예측된 행은 80 %가 실제로 그래야 합니다. 점이 선 위에 있으면 확률을 믿을 수 있습니다.`,
  whatever: '예측된 클래스',
  said: '평균 확률',
  observed: '실제 비율',
  range: '확률',
  rows: '행',
  residuals: (target) => `${target}의 잔차`,
  scatter: (target, points) => `${target}의 예측값과 실제값, 행 ${points}개`,
  scatterHint: '점 하나가 한 행입니다. 선 위에 있으면 예측이 맞습니다.',
  trueValue: '실제값',
  predictedValue: '예측값',
  histogram: '잔차(실제값 − 예측값)',
  from: '부터',
  to: '까지',
  report: {
    thinned: (kept, of) => `한 번 작성된 보고서입니다. 크기를 제한하기 위해 이벤트 ${of}개 중 ${kept}개만 담았습니다.`,
    written: '한 번 작성된 보고서입니다. 미리 계산한 내용만 담고 있습니다.',
    without: '이 보고서에는 행 설명이 없습니다:',
    absent: '이 보고서에 없는 내용입니다. “deltarule dashboard”에서 계산할 수 있습니다.',
  },
};
