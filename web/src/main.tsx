import { render } from 'preact';
import '@preact/signals';
import 'uplot/dist/uPlot.min.css';
import './style/tokens.css';
import './style/layout.css';
import './style/parts.css';
import './style/network.css';
import './style/play.css';
import { address } from './shell/address';
import { Shell } from './shell/Shell';
import { PlayView } from './views/play/PlayView';
import { RunView } from './views/run/RunView';
import { RunsView } from './views/runs/RunsView';

function Page() {
  const [view, name] = address.value.path;
  return (
    <Shell>
      {view === 'play' ? <PlayView /> : view === 'run' && name ? <RunView key={name} name={name} /> : <RunsView />}
    </Shell>
  );
}

const page = document.getElementById('page');
if (page) render(<Page />, page);
