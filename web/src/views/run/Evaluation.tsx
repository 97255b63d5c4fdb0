import { useEffect, useRef, useState } from 'preact/hooks';
import { evaluation as fetchEvaluation } from '../../api/client';
import type { Evaluation } from '../../api/model';
import { figure, words } from '../../shell/preferences';
import { Calibration } from './Calibration';
import { Confusion } from './Confusion';
import { Residuals } from './Residuals';

/** The model measured on the rows held out; asked for when it comes into sight, since it may take long. */
export function EvaluationCards({ name }: { name: string }) {
  const w = words.value.evaluation;
  const place = useRef<HTMLElement>(null);
  const [isSeen, setSeen] = useState(false);
  const [found, setFound] = useState<Evaluation | null>(null);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    const watch = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
    });
    if (place.current) watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (!isSeen) return;
    let current = true;
    fetchEvaluation(name).then(
      (answer) => current && setFound(answer),
      (error: Error) => current && setProblem(error.message),
    );
    return () => {
      current = false;
    };
  }, [isSeen, name]);
  return (
    <>
      <section class="card" ref={place}>
        <h2>{w.title}</h2>
        {problem ? (
          <p class="pill error wrap" role="alert">
            {problem}
          </p>
        ) : found ? (
          <p class="hint">{w.on(w.parts[found.part], figure(found.rows), figure(found.of))}</p>
        ) : (
          <p class="muted">{words.value.loading}</p>
        )}
      </section>
      {found && (
        <div class="columns">
          {found.confusion && <Confusion confusion={found.confusion} classes={found.classes} />}
          {found.calibration && <Calibration calibration={found.calibration} />}
          {found.numbers?.map((numbers) => (
            <Residuals key={numbers.target} numbers={numbers} />
          ))}
        </div>
      )}
    </>
  );
}
