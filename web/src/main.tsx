import { render } from 'preact';
import '@preact/signals';
import 'uplot/dist/uPlot.min.css';
import './style/tokens.css';
import './style/layout.css';
import './style/parts.css';
import './style/network.css';
import './style/play.css';
import 'katex/dist/katex.min.css';
import './style/lesson.css';
import './style/explain.css';
import { report } from './api/embedded';
import { address, runLink } from './shell/address';
import { Shell } from './shell/Shell';
import { ExplainView } from './views/explain/ExplainView';
import { LessonView } from './views/lesson/LessonView';
import { PlayView } from './views/play/PlayView';
import { NewestRun } from './views/run/NewestRun';
import { RunView } from './views/run/RunView';
import { RunsView } from './views/runs/RunsView';

function Page() {
  return (
    <Shell>
      <View />
    </Shell>
  );
}

function View() {
  const [view, name, what] = address.value.path;
  if (view === 'lesson') return <LessonView />;
  if (view === 'play') return <PlayView />;
  if (view === 'run' && name && what === 'explain') return <ExplainView key={name} name={name} />;
  if (view === 'run') return name ? <RunView key={name} name={name} /> : <NewestRun />;
  return <RunsView />;
}

// A report is of one run.
if (report && !location.hash) location.replace(runLink(report.run));

const page = document.getElementById('page');
if (page) render(<Page />, page);
