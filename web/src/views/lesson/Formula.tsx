import katex from 'katex';
import { useEffect, useRef, useState } from 'preact/hooks';
import { filled, keys, marked, type Signs } from '../../lesson/formula';
import { figure, words } from '../../shell/preferences';

interface Props {
  tex: string;
  /** The same in a line of text, `{key}` where a number comes. */
  line: string;
  signs: Signs;
  /** Lists are those of a layer, unit by unit; lists of lists a matrix, row by row. */
  values: Record<string, Value>;
}

type Numbers = (number | null)[];
export type Value = number | null | undefined | Numbers | Numbers[];

function written(value: Value): string {
  if (!Array.isArray(value)) return figure(value);
  const inside = value.map((one) => (Array.isArray(one) ? one.map((each) => figure(each)).join(', ') : figure(one)));
  return `(${inside.join(Array.isArray(value[0]) ? '; ' : ', ')})`;
}

/** A formula; each symbol tells its number of the moment to whoever points at it, and the list below to everybody. */
export function Formula({ tex, line, signs, values }: Props) {
  const w = words.value.lesson;
  const place = useRef<HTMLDivElement>(null);
  const [lit, setLit] = useState<string | null>(null);
  const told = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, written(value)]));
  const latest = useRef(told);
  latest.current = told;
  useEffect(() => {
    if (!place.current) return;
    katex.render(marked(tex, signs), place.current, {
      displayMode: true,
      strict: false,
      trust: ({ command }) => command === '\\htmlData',
    });
  }, [tex]);
  useEffect(() => {
    for (const sign of place.current?.querySelectorAll<HTMLElement>('[data-symbol]') ?? []) {
      sign.classList.toggle('lit', sign.dataset.symbol === lit);
    }
  }, [lit, tex]);
  const over = (event: MouseEvent) => {
    const sign = (event.target as HTMLElement).closest<HTMLElement>('[data-symbol]');
    setLit(sign?.dataset.symbol ?? null);
  };
  return (
    <div class="formula">
      <section
        class="formula-set"
        ref={place}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide formula scrolls, which has to be reachable by keyboard.
        tabIndex={0}
        aria-label={w.formula}
        onMouseMove={over}
        onMouseLeave={() => setLit(null)}
      />
      {lit && (
        <p class="formula-tip" role="status">
          {signs[lit]?.text} = <b>{told[lit] ?? '–'}</b>
        </p>
      )}
      <p class="formula-line" data-line="">
        {filled(line, told)}
      </p>
      <ul class="formula-values" aria-label={w.values}>
        {keys(tex).map((key) => (
          <li key={key}>
            <button
              type="button"
              data-value={key}
              class={lit === key ? 'lit' : ''}
              onFocus={() => setLit(key)}
              onBlur={() => setLit(null)}
              onMouseEnter={() => setLit(key)}
              onMouseLeave={() => setLit(null)}
            >
              {signs[key]?.text} = <b>{told[key] ?? '–'}</b>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
