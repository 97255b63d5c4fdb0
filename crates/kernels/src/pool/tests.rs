use super::*;

#[test]
fn every_task_runs_once() {
    for threads in [1, 2, 3, 7] {
        let pool = Pool::new(threads);
        assert_eq!(pool.threads(), threads);
        for tasks in [0, 1, 2, 3, 50, 1000] {
            let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            pool.run(tasks, |task| {
                counts[task].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }
}

#[test]
fn many_short_jobs_with_sleep_between() {
    let pool = Pool::new(3);
    let sum = AtomicUsize::new(0);
    for round in 0..2000 {
        pool.run(4, |_| {
            sum.fetch_add(1, Ordering::Relaxed);
        });
        if round % 500 == 0 {
            // Long enough that the workers fall asleep and must be rung.
            thread::sleep(std::time::Duration::from_millis(3));
        }
    }
    assert_eq!(sum.into_inner(), 8000);
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
    let pool = Pool::new(2);
    for bad in [0, 5, 9] {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            pool.run(10, |task| assert!(task != bad, "task {task} fails"));
        }));
        let message = *caught.expect_err("the panic is raised").downcast::<String>().expect("its message");
        assert_eq!(message, format!("task {bad} fails"));
        let sum = AtomicUsize::new(0);
        pool.run(10, |task| {
            sum.fetch_add(task, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 45);
    }
}

#[test]
fn nested_runs_and_shared_pools_work() {
    let pool = Pool::new(2);
    let sum = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..50 {
                    pool.run(4, |_| {
                        pool.run(3, |_| {
                            sum.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                }
            });
        }
    });
    assert_eq!(sum.into_inner(), 3 * 50 * 4 * 3);
}

#[test]
#[should_panic(expected = "at least one thread")]
fn zero_threads_are_refused() {
    Pool::new(0);
}

/// Spins for a number of rounds that looks random and depends on `seed` alone.
fn busy(seed: usize, most: usize) -> usize {
    let rounds = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    (0..rounds % most).fold(seed, |number, round| std::hint::black_box(number.rotate_left(5) ^ round))
}

/// Threads that compete for the cores while `body` runs.
fn under_load<T>(threads: usize, body: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let outcome = catch_unwind(AssertUnwindSafe(body));
        ended.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|payload| resume_unwind(payload))
    })
}

/// Many regions of uneven tasks: each task is done once, by a participant that exists, whose tasks do not overlap.
fn uneven_regions(pool: &Pool, regions: usize) {
    let overlaps: Vec<AtomicBool> = (0..pool.threads()).map(|_| AtomicBool::new(false)).collect();
    for region in 0..regions {
        let tasks = region % 23;
        let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
        pool.run_as(tasks, |participant, task| {
            assert!(!overlaps[participant].swap(true, Ordering::AcqRel));
            std::hint::black_box(busy(region * 31 + task, 2000));
            counts[task].fetch_add(1, Ordering::Relaxed);
            overlaps[participant].store(false, Ordering::Release);
        });
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        std::hint::black_box(busy(region, 20_000));
    }
}

#[test]
fn uneven_tasks_are_each_done_once() {
    for threads in [2, 3, 5] {
        uneven_regions(&Pool::new(threads), 2000);
    }
}

#[test]
fn cores_that_others_need() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    under_load(2 * cores, || {
        for threads in [2, 4] {
            uneven_regions(&Pool::new(threads), 400);
        }
    });
}

#[test]
fn panics_in_many_regions_under_load() {
    let pool = Pool::new(3);
    under_load(2, || {
        for region in 0..300 {
            let tasks = 2 + region % 9;
            let done = AtomicUsize::new(0);
            let caught = catch_unwind(AssertUnwindSafe(|| {
                pool.run(tasks, |task| {
                    std::hint::black_box(busy(region + task, 3000));
                    if task == region % tasks {
                        resume_unwind(Box::new(task));
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }));
            let payload = caught.expect_err("the panic is raised").downcast::<usize>().expect("its payload");
            assert_eq!(*payload, region % tasks);
            assert!(done.into_inner() < tasks);
        }
        uneven_regions(&pool, 100);
    });
}

#[test]
fn more_tasks_than_a_notice_can_say() {
    let pool = Pool::new(2);
    let (tasks, sum) = (MOST_TASKS * 2 + 5, AtomicUsize::new(0));
    pool.run(tasks, |task| {
        // Few are added, since the sum's cache line is shared.
        if task % 1000 == 0 || task + 1 == tasks {
            sum.fetch_add(task, Ordering::Relaxed);
        }
    });
    let thousands = (tasks - 1) / 1000;
    assert_eq!(sum.into_inner(), 1000 * thousands * (thousands + 1) / 2 + tasks - 1);
}

#[test]
fn borrowed_data_are_seen_by_the_caller() {
    let pool = Pool::new(4);
    let mut values = vec![0_usize; 1000];
    for round in 1..200 {
        pool.for_pieces(&mut values, 7, 0, |_, piece| piece.iter_mut().for_each(|value| *value += round));
        assert!(values.iter().all(|&value| value == round * (round + 1) / 2));
    }
}

#[test]
fn places_of_older_newer_and_the_same_job() {
    let word = |generation: u64, low: u64| generation << LOW_BITS | low;
    assert_eq!(low_bits(word(7, 9), 7), Some(9));
    assert_eq!(low_bits(word(6, 9), 7), Some(0));
    assert_eq!(low_bits(word(8, 9), 7), None);
    // The last generation is older than the first one.
    assert_eq!(low_bits(word(GENERATIONS - 1, 9), 0), Some(0));
    assert_eq!(low_bits(word(0, 9), GENERATIONS - 1), None);
}

#[test]
fn notices_say_who_takes_part() {
    let word = |halvings: u64, tasks: u64| 5 << LOW_BITS | halvings << TASK_BITS | tasks;
    for (halvings, tasks, expected) in [(0, 100, 12), (1, 100, 6), (2, 100, 3), (9, 100, 1), (0, 5, 5)] {
        let notice = Notice::of(word(halvings, tasks), 12);
        assert_eq!((notice.generation, notice.participants, notice.tasks), (5, expected, tasks as usize));
    }
}
