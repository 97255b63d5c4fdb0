import { computed, effect, signal } from '@preact/signals';
import { en, type Messages } from '../messages/en';
import { ko } from '../messages/ko';

export type Theme = 'auto' | 'light' | 'dark';
export type Language = 'en' | 'ko';

const stored = (key: string) => localStorage.getItem(`deltarule-${key}`);

export const theme = signal<Theme>((stored('theme') as Theme | null) ?? 'auto');
export const language = signal<Language>(
  (stored('language') as Language | null) ?? (navigator.language.startsWith('ko') ? 'ko' : 'en'),
);

const system = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(system.matches);
system.addEventListener('change', () => {
  systemDark.value = system.matches;
});

export const dark = computed(() => (theme.value === 'auto' ? systemDark.value : theme.value === 'dark'));
export const words = computed<Messages>(() => (language.value === 'ko' ? ko : en));

effect(() => {
  document.documentElement.dataset.theme = dark.value ? 'dark' : 'light';
  localStorage.setItem('deltarule-theme', theme.value);
});
effect(() => {
  document.documentElement.lang = language.value;
  localStorage.setItem('deltarule-language', language.value);
});

/** A number for people: four significant digits, powers of ten where it is very large or small. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value < 0 ? '−∞' : '∞';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    return value
      .toExponential(2)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e')
      .replaceAll('-', '−');
  }
  const digits = Number.isInteger(value) ? {} : { maximumSignificantDigits: 4 };
  // A hyphen is not a minus: formulas put what begins with a minus in brackets.
  return value.toLocaleString(language.value, digits).replace('-', '−');
}
