import { useState } from 'preact/hooks';
import { exportLink } from '../../play/tables';
import { words } from '../../shell/preferences';

/** The network as files for the command line, and the page's address. */
export function TakeAway({ session }: { session: string }) {
  const w = words.value.play;
  const [copied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(location.href).then(
      () => setCopied(true),
      // Without the right to write there, the address bar still holds the link.
      () => setCopied(false),
    );
  return (
    <section class="card">
      <h2>{w.takeAway}</h2>
      <div class="choices">
        <a href={exportLink(session, 'config.toml')} download="config.toml">
          {w.config}
        </a>
        <a href={exportLink(session, 'model.safetensors')} download="model.safetensors">
          {w.model}
        </a>
        <button type="button" onClick={copy}>
          {w.copyLink}
        </button>
        <span role="status">{copied ? w.copied : ''}</span>
      </div>
      <p class="hint">{w.exportHint}</p>
    </section>
  );
}
