import NIOCore
import NIOPosix
import Synchronization
import XMPPStream

/// The context of each event loop, made when its first connection comes.
final class LoopTable: Sendable {
    private let contexts = Mutex<[ObjectIdentifier: LoopContext]>([:])

    private let ofThread = ThreadSpecificVariable<LoopContext>()

    /// The context of the loop whose thread this is called on; `nil` on other threads.
    var current: LoopContext? {
        ofThread.currentValue
    }

    func context(of loop: any EventLoop) -> LoopContext {
        let context = find(loop)
        // A loop that is not a thread leaves nothing behind on the threads that it runs on.
        if MultiThreadedEventLoopGroup.currentEventLoop === loop { ofThread.currentValue = context }
        return context
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
