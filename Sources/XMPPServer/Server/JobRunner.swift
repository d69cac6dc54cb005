import Synchronization

/// Runs jobs independently of each other until it is stopped.
final class JobRunner: Sendable {
    private struct Running {
        /// Retained, so that its identity is not reused.
        let module: LoadedModules.Module
        let tasks: [Task<Void, Never>]
    }

    private struct State {
        var modules: [ObjectIdentifier: Running] = [:]
        /// The server's own jobs, and ending jobs of unloaded modules.
        var others: [Task<Void, Never>] = []
        var isStopping = false
    }

    private let state = Mutex(State())

    /// Runs the server's own jobs.
    func start(_ jobs: [Registrar.Job]) { state.withLock { $0.others += jobs.map(Self.start) } }

    /// Runs the jobs of these modules only. Running ones continue.
    func run(_ modules: [LoadedModules.Module]) {
        state.withLock { state in
            guard !state.isStopping else { return }
            let former = exchange(&state.modules, with: [:])
            for module in modules where !module.registrar.jobs.isEmpty {
                let id = ObjectIdentifier(module)
                state.modules[id] =
                    former[id] ?? Running(module: module, tasks: module.registrar.jobs.map(Self.start))
            }
            for (id, running) in former where state.modules[id] == nil {
                for task in running.tasks { task.cancel() }
                state.others += running.tasks
            }
        }
    }

    private static func start(_ job: Registrar.Job) -> Task<Void, Never> {
        Task {
            while (try? await Task.sleep(for: job.interval)) != nil { await job.run() }
        }
    }

    /// Returns when no job runs any more.
    func stop() async {
        let tasks = state.withLock { state in
            state.isStopping = true
            return exchange(&state.others, with: []) + exchange(&state.modules, with: [:]).values.flatMap(\.tasks)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
