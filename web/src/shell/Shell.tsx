import type { ComponentChildren } from 'preact';
import { address } from './address';
import { type Language, language, type Theme, theme, words } from './preferences';
import { Tips } from './Tips';

export function Shell({ children }: { children: ComponentChildren }) {
  const w = words.value;
  const [view, part] = address.value.path;
  const name = view === 'run' ? part : undefined;
  return (
    <>
      <button type="button" class="skip" onClick={toContent}>
        {w.toContent}
      </button>
      <header class="bar">
        <a class="brand" href="#/">
          <span aria-hidden="true">δ</span> deltarule
        </a>
        <nav aria-label={w.title}>
          <a href="#/" aria-current={view === undefined ? 'page' : undefined}>
            {w.runs}
          </a>
          <a href="#/play" aria-current={view === 'play' ? 'page' : undefined}>
            {w.play.title}
          </a>
          <a href="#/lesson" aria-current={view === 'lesson' ? 'page' : undefined}>
            {w.lesson.title}
          </a>
          {name && (
            <>
              <span class="muted" aria-hidden="true">
                /
              </span>
              <span class="crumb">{name}</span>
            </>
          )}
        </nav>
        <div class="bar-end">
          <a href="/manual/" target="_blank" rel="noopener">
            {w.manual}
          </a>
          <select
            aria-label={w.theme}
            value={theme.value}
            onChange={(e) => {
              theme.value = e.currentTarget.value as Theme;
            }}
          >
            <option value="auto">{w.themeAuto}</option>
            <option value="light">{w.themeLight}</option>
            <option value="dark">{w.themeDark}</option>
          </select>
          <select
            aria-label={w.language}
            value={language.value}
            onChange={(e) => {
              language.value = e.currentTarget.value as Language;
            }}
          >
            <option value="en">English</option>
            <option value="ko">한국어</option>
          </select>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      <Tips />
    </>
  );
}

// The fragment is the page's address, so the skip button moves the focus itself.
function toContent() {
  document.getElementById('content')?.focus();
}
