// The server's contract. Only fields that the page reads are named; others, and unknown events, are let through.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type State = 'running' | 'paused' | 'finished' | 'stopped' | 'failed' | 'interrupted';
export type Severity = 'error' | 'warning' | 'note';

export interface About {
  version: string;
  runs: string;
  can_control: boolean;
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
  remedies: { what: string; changes: Record<string, string> }[];
}

export interface Detail extends Summary {
  findings_told: Finding[];
  layers: Layer[];
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
}

export type Control =
  | { control: 'pause' | 'resume' | 'stop' | 'checkpoint' }
  | { control: 'scale_learning_rate'; factor: number };
