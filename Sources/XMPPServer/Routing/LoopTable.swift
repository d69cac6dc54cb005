import NIOCore
import NIOPosix
import Synchronization
import XMPPStream

/// The context of each event loop, made with its first connection.
final class LoopTable: Sendable {
    /// What a thread remembers: the context of its loop, and its table.
    private final class Memory: Sendable {
        let table: Int
        let context: LoopContext

        init(table: Int, context: LoopContext) {
            self.table = table
            self.context = context
        }
    }

    /// Shared by all tables, as a process has few such variables, and tests have many servers.
    private static let ofThread = ThreadSpecificVariable<Memory>()
    private static let count = Atomic<Int>(0)

    private let group: any EventLoopGroup
    private let loops: [any EventLoop]
    private let contexts = Mutex<[ObjectIdentifier: LoopContext]>([:])
    private let id = count.wrappingAdd(1, ordering: .relaxed).newValue

    init(group: any EventLoopGroup) {
        self.group = group
        loops = Array(group.makeIterator())
    }

    /// The context of the next loop in turn, for work without a connection.
    var next: LoopContext { context(of: group.next()) }

    /// The context of the loop that serves an address without a connection here: always the same one.
    func context(for address: JID) -> LoopContext {
        context(of: loops[Int(UInt(bitPattern: address.bareHash) % UInt(loops.count))])
    }

    /// The context of the current thread's loop; nil on other threads.
    var current: LoopContext? {
        if let memory = Self.ofThread.currentValue, memory.table == id { return memory.context }
        guard let loop = MultiThreadedEventLoopGroup.currentEventLoop,
            let context = contexts.withLock({ $0[ObjectIdentifier(loop)] })
        else { return nil }
        remember(context)
        return context
    }

    func context(of loop: any EventLoop) -> LoopContext {
        let context = find(loop)
        // A loop that is not a thread leaves nothing on the threads that it runs on.
        if MultiThreadedEventLoopGroup.currentEventLoop === loop { remember(context) }
        return context
    }

    private func remember(_ context: LoopContext) {
        Self.ofThread.currentValue = Memory(table: id, context: context)
    }

    private func find(_ loop: any EventLoop) -> LoopContext {
        contexts.withLock { contexts in
            if let context = contexts[ObjectIdentifier(loop)] { return context }
            let context = LoopContext(eventLoop: loop)
            contexts[ObjectIdentifier(loop)] = context
            return context
        }
    }

    var all: [LoopContext] { contexts.withLock { Array($0.values) } }
}
