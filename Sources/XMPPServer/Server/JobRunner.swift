import Synchronization

/// Runs jobs, each by itself, until it is stopped.
final class JobRunner: Sendable {
    private let tasks = Mutex<[Task<Void, Never>]>([])

    func start(_ jobs: [Registrar.Job]) {
        tasks.withLock { tasks in
            tasks += jobs.map { job in
                Task {
                    while (try? await Task.sleep(for: job.interval)) != nil { await job.run() }
                }
            }
        }
    }

    /// Returns when no job runs any more.
    func stop() async {
        let tasks = tasks.withLock { exchange(&$0, with: []) }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
