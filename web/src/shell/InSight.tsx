import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/**
 * While something goes on, what nobody sees is left as it was drawn last: the training beside it has the time. What comes into sight,
 * and all of it at the end, is drawn as it is.
 */
export function InSight({ live, children }: { live: boolean; children: ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null);
  const [isSeen, setSeen] = useState(true);
  const drawn = useRef(children);
  useEffect(() => {
    if (!live) return;
    const watch = new IntersectionObserver((entries) => setSeen(entries.at(-1)?.isIntersecting ?? true));
    if (place.current) watch.observe(place.current);
    return () => watch.disconnect();
  }, [live]);
  // The same element as last time: nothing in it is looked at.
  if (isSeen || !live) drawn.current = children;
  return <div ref={place}>{drawn.current}</div>;
}
