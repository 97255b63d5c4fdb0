//! The threads that predict: each has the model ready, and takes one request after another.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use deltarule::Pool;
use deltarule::model::{Model, Prepared};

/// What a worker does with the model.
pub type Job = Box<dyn FnOnce(&mut Prepared<'_>) + Send>;

/// So many threads, and a queue before them. They end when it is dropped.
pub struct Workers(SyncSender<Job>);

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Workers {
    /// Starts them.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(model: &Arc<Model>, threads: usize, queue: usize) -> io::Result<Self> {
        let (give, jobs) = sync_channel(queue);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads.max(1) {
            let (model, jobs) = (Arc::clone(model), Arc::clone(&jobs));
            std::thread::Builder::new()
                .name(format!("predict-{number}"))
                .spawn(move || work(&model, &jobs))?;
        }
        Ok(Self(give))
    }

    /// Has a job done.
    ///
    /// # Errors
    /// Where as many wait already as may.
    pub fn give(&self, job: Job) -> Result<(), Full> {
        self.0.try_send(job).map_err(|_| Full)
    }
}

/// Does jobs until there are none to come. A job that panics is given up, with what it may have left half done.
fn work(model: &Model, jobs: &Mutex<Receiver<Job>>) {
    // One thread: the others are for other requests.
    let pool = Pool::new(1);
    let mut prepared = model.prepare(&pool);
    while let Some(job) = next(jobs) {
        if catch_unwind(AssertUnwindSafe(|| job(&mut prepared))).is_err() {
            prepared = model.prepare(&pool);
        }
    }
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::serve::about::tests::model_of_two_numbers;

    #[test]
    fn a_full_queue_is_told_and_every_job_that_was_taken_is_done() {
        let workers = Workers::start(&Arc::new(model_of_two_numbers()), 1, 1).unwrap();
        let ((begun, begins), (go, gone), (done, dones)) = (channel(), channel(), channel());
        let first = done.clone();
        workers
            .give(Box::new(move |_| {
                begun.send(()).unwrap();
                gone.recv().unwrap();
                first.send(1).unwrap();
            }))
            .unwrap();
        begins.recv().unwrap();
        // One is worked on, one waits, and there is no room for a third.
        workers.give(Box::new(move |_| done.send(2).unwrap())).unwrap();
        assert_eq!(workers.give(Box::new(|_| {})), Err(Full));
        go.send(()).unwrap();
        assert_eq!([dones.recv().unwrap(), dones.recv().unwrap()], [1, 2]);
    }

    #[test]
    fn a_worker_outlives_a_panic() {
        let workers = Workers::start(&Arc::new(model_of_two_numbers()), 1, 4).unwrap();
        let (done, dones) = channel();
        workers.give(Box::new(|_| panic!("on purpose, by a test"))).unwrap();
        workers.give(Box::new(move |_| done.send(()).unwrap())).unwrap();
        dones.recv().unwrap();
    }
}
