import { report } from '../../api/embedded';
import { figure, words } from '../../shell/preferences';

/** That this is a report, and what it leaves out. */
export function ReportNote() {
  if (!report) return null;
  const w = words.value.evaluation.report;
  return (
    <section class="card">
      <p class="hint">
        {report.thinned ? w.thinned(figure(report.thinned.kept), figure(report.thinned.of)) : w.written}
      </p>
      {report.without && (
        <p class="hint">
          {w.without} <span lang="en">{report.without}</span>
        </p>
      )}
    </section>
  );
}
