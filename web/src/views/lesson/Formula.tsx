import katex from 'katex';
import { useEffect, useRef, useState } from 'preact/hooks';
import { filled, keys, marked, type Signs } from '../../lesson/formula';
import { figure, words } from '../../shell/preferences';

interface Props {
  tex: string;
  /** The same in a line of text, `{key}` where a number comes. */
  line: string;
  signs: Signs;
  values: Record<string, number | null | undefined>;
}

/** A formula; each symbol tells its number of the moment to whoever points at it, and the list below to everybody. */
export function Formula({ tex, line, signs, values }: Props) {
  const w = words.value.lesson;
  const place = useRef<HTMLDivElement>(null);
  const [lit, setLit] = useState<string | null>(null);
  const told = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, figure(value)]));
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
      {/* biome-ignore lint/a11y/noStaticElementInteractions: pointing at a symbol shows what the list below says to all. */}
      <div class="formula-set" ref={place} onMouseMove={over} onMouseLeave={() => setLit(null)} />
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
