import { useEffect, useRef } from 'preact/hooks';

interface Props {
  /** What it shows; of a picture that says no more than the words beside it, nothing. */
  label?: string;
  side: number;
  /** The colour of each pixel, row by row. */
  colour: (pixel: number) => [number, number, number];
  /** What the colours hang on. */
  of: unknown;
  small?: boolean;
}

/** A picture of a pixel per cell, which the browser stretches without smoothing. */
export function Picture({ label, side, colour, of, small }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  // `colour` is made anew with each rendering; `of` says when it gives others.
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const image = new ImageData(side, side);
    for (let pixel = 0; pixel < side * side; pixel++) image.data.set([...colour(pixel), 255], 4 * pixel);
    context.putImageData(image, 0, 0);
  }, [side, of]);
  const told = label ? { role: 'img' as const, 'aria-label': label } : { 'aria-hidden': true };
  return <canvas ref={canvas} class={`pixels ${small ? 'small' : ''}`} width={side} height={side} {...told} />;
}
