import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** What an element has to tell beyond what stands in it: nothing where it is the same. Then it is reached by Tab as well. */
export const tip = (more: string, shown: string) => (more === shown ? {} : { 'data-tip': more, tabIndex: 0 });

interface Held {
  element: HTMLElement;
  byPointer: boolean;
}

/**
 * The page's tooltips: the `data-tip` of what the pointer is over, or of what the keyboard has come to. It lies beside the page,
 * so that no part that scrolls cuts it off; Escape takes it away, and the pointer may go onto it (WCAG 2.2, 1.4.13).
 */
export function Tips() {
  const [held, setHeld] = useState<Held | null>(null);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const told = (target: EventTarget | null) =>
      target instanceof Element ? target.closest<HTMLElement>('[data-tip]') : null;
    const focused = () => {
      const element = told(document.activeElement);
      return element?.matches(':focus-visible') ? { element, byPointer: false } : null;
    };
    const over = ({ target }: Event) => {
      if (target instanceof Node && place.current?.contains(target)) return;
      const element = told(target);
      setHeld(element ? { element, byPointer: true } : focused());
    };
    const focus = () => setHeld(focused());
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') setHeld(null);
    };
    const heard = [
      ['mouseover', over],
      ['focusin', focus],
      ['focusout', () => setHeld(null)],
      ['keydown', onKey as (event: Event) => void],
    ] as const;
    for (const [event, then] of heard) document.addEventListener(event, then);
    return () => {
      for (const [event, then] of heard) document.removeEventListener(event, then);
    };
  }, []);

  useLayoutEffect(() => {
    if (!held) return;
    const { element } = held;
    const lay = () => {
      const box = place.current;
      if (!box) return;
      if (!element.isConnected) return setHeld(null);
      const [at, own] = [element.getBoundingClientRect(), box.getBoundingClientRect()];
      const below = at.bottom + own.height <= innerHeight;
      box.style.left = `${Math.max(4, Math.min(at.left, document.documentElement.clientWidth - own.width - 4))}px`;
      box.style.top = `${below ? at.bottom : at.top - own.height}px`;
    };
    lay();
    element.setAttribute('aria-describedby', 'tip');
    document.addEventListener('scroll', lay, true);
    return () => {
      element.removeAttribute('aria-describedby');
      document.removeEventListener('scroll', lay, true);
    };
  }, [held]);

  if (!held?.element.dataset.tip) return null;
  return (
    <div id="tip" role="tooltip" ref={place} class={held.byPointer ? 'by-pointer' : ''}>
      {held.element.dataset.tip}
    </div>
  );
}
