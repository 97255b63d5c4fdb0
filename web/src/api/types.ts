// The server's contract. Only fields that the page reads are named; others, and unknown events, are let through.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type State = 'running' | 'paused' | 'finished' | 'stopped' | 'failed' | 'interrupted';
export type Severity = 'error' | 'warning' | 'note';

export interface About {
  version: string;
  runs: string;
  thresholds: { dead: number; saturated: number; healthy_updates: [number, number] };
}

export interface Summary {
  name: string;
  state: State;
  began: string | null;
  changed: string | null;
  data: string;
  task: string;
  parts: string[];
  epochs: { done: number; planned: number };
  step: number;
  parameters: number;
  cost: number | null;
  watched: { name: string; value: number | null; epoch: number } | null;
  validation: Record<string, number | null>;
  seconds: number;
  settings: Record<string, Json>;
  findings: Record<Severity, number> | null;
  can_control: boolean;
}

export interface Layer {
  kind: string;
  fan_in: number;
  units: number;
  activation?: string;
}

export interface Finding {
  id: string;
  severity: Severity;
  layer?: number;
  step?: number;
  evidence: { what: string; value: number | null; threshold?: number }[];
  cause: string;
  remedies: Remedy[];
}

/** What the doctor's trials came to (`diagnosis.json`): no change first, then the largest gain first. */
export interface Trials {
  metric: string;
  part: string;
  best?: number;
  trials: {
    arm: { kind: string; remedy?: Remedy };
    figures: number[];
    gain?: { least: number; mean: number; most: number };
  }[];
}

export interface Remedy {
  what: string;
  changes: Record<string, string>;
}

export interface Detail extends Summary {
  findings_told: Finding[];
  layers: Layer[];
  trials: Trials | null;
}

export interface LayerHealth {
  layer: number;
  delta: number | null;
  through?: number | null;
  slope?: number | null;
  lost_saturated?: number | null;
  lost_dead?: number | null;
  activations?: {
    mean: number | null;
    variance: number | null;
    histogram: { from: number | null; to: number | null; counts: number[] };
    saturated: number;
    dead: number;
    never_active: number;
  };
  weights?: { weight: number | null; gradient: number | null; update: number | null; update_ratio: number | null };
}

export interface RunEvent {
  event: string;
  time?: string;
  part?: string;
  step?: number;
  epoch?: number;
  cost?: number | null;
  learning_rate?: number;
  samples_per_second?: number;
  seconds?: number;
  validation?: Record<string, number | null>;
  layers?: unknown;
  steps_per_epoch?: number;
  survey?: { baseline: number | null; floor: number | null };
  judgement?: Judgement;
  control?: Control;
  phase?: string;
  layer?: number;
  what?: string;
}

/** How far a trained network's cost lies below that of a constant prediction. */
export interface Judgement {
  train: { rows: number; cost: number | null; baseline: number | null };
  validation: { rows: number; cost: number | null; baseline: number | null } | null;
}

export type Control =
  | { control: 'pause' | 'resume' | 'stop' | 'checkpoint' }
  | { control: 'scale_learning_rate'; factor: number };
