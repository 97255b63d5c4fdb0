import { useEffect, useState } from 'preact/hooks';
import { address } from '../../shell/address';
import { figure, words } from '../../shell/preferences';
import { Mended, Vanishing } from './deep';
import { Recursion, Update, Xor } from './later';
import { ChainRule, Cost, Perceptron, type StepProps } from './steps';

const STEPS: ((props: StepProps) => preact.JSX.Element)[] = [
  Perceptron,
  Cost,
  ChainRule,
  Update,
  Xor,
  Recursion,
  Vanishing,
  Mended,
];

const link = (step: number) => `#/lesson/${step}`;

export function LessonView() {
  const w = words.value.lesson;
  const asked = Math.round(Number(address.value.path[1] ?? 1));
  const step = Math.min(Math.max(asked || 1, 1), STEPS.length);
  const [done, setDone] = useState<number[]>([]);
  const text = w.steps[step - 1];
  const Figure = STEPS[step - 1];
  useEffect(() => {
    document.title = `${step} · ${text?.title} · deltarule`;
    scrollTo(0, 0);
  }, [step, w]);
  useEffect(() => {
    const turn = (event: KeyboardEvent) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      // Sliders, lists, fields and parts that scroll have arrows of their own.
      const own = (event.target as HTMLElement).closest(
        'input, select, textarea, summary, [role=slider], [tabindex="0"]',
      );
      if (!by || own || event.altKey || event.ctrlKey || event.metaKey) return;
      const to = step + by;
      if (to >= 1 && to <= STEPS.length) location.hash = link(to);
    };
    addEventListener('keydown', turn);
    return () => removeEventListener('keydown', turn);
  }, [step]);
  if (!text || !Figure) return null;
  return (
    <div class="lesson">
      <h1>{w.heading}</h1>
      <ol class="lesson-steps" aria-label={w.heading}>
        {w.steps.map((one, at) => (
          <li key={one.title}>
            <a href={link(at + 1)} aria-current={at + 1 === step ? 'step' : undefined} data-tip={one.title}>
              {at + 1}
              {done.includes(at + 1) && <span aria-hidden="true"> ✓</span>}
            </a>
          </li>
        ))}
      </ol>
      <article class="card" data-step={step}>
        <p class="muted">{w.progress(figure(step), figure(STEPS.length))}</p>
        <h2>{text.title}</h2>
        {text.text.map((paragraph) => (
          <p key={paragraph} class="prose">
            {paragraph}
          </p>
        ))}
        <Figure key={step} done={() => setDone((all) => (all.includes(step) ? all : [...all, step]))} />
        <p class={`task ${done.includes(step) ? 'done' : ''}`}>
          <b>{w.task}</b> {text.task} <span role="status">{done.includes(step) && <b class="good">✓ {w.done}</b>}</span>
        </p>
      </article>
      <nav class="lesson-turn" aria-label={w.title}>
        {step > 1 ? <a href={link(step - 1)}>← {w.previous}</a> : <span />}
        <span class="muted">{w.keys}</span>
        {step < STEPS.length ? <a href={link(step + 1)}>{w.next} →</a> : <span />}
      </nav>
    </div>
  );
}
