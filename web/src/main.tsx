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
import { address } from './shell/address';
import { Shell } from './shell/Shell';
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
  const [view, name] = address.value.path;
  if (view === 'lesson') return <LessonView />;
  if (view === 'play') return <PlayView />;
  if (view === 'run') return name ? <RunView key={name} name={name} /> : <NewestRun />;
  return <RunsView />;
}

const page = document.getElementById('page');
if (page) render(<Page />, page);
