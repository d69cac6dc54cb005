import NIOCore
import Synchronization
import XMPPServer

/// The rooms that are in memory, and the way to all others.
///
/// A room is read from the storage when something is posted to it, and let go when nobody is in it and nothing is under way.
/// What is posted to a room happens on the room's loop, in the order of posting, also while the room is being read.
final class RoomDirectory: Sendable {
    /// Gets the room, which need not exist, or the failure to read it. On the room's loop; without a room, on any thread.
    typealias Operation = @Sendable (Result<Room, StanzaError>) -> Void

    private enum Entry {
        case loading([Operation])
        /// With the number of operations that are on their way to it.
        case loaded(Room, Int)
    }

    private let entries = Mutex<[JID: Entry]>([:])
    /// Rooms that were let go with people in them, to be read anew: those are known to be there.
    private let interrupted = Mutex<Set<JID>>([])
    private let host: Host

    init(host: Host) { self.host = host }

    /// The number of rooms in memory.
    var count: Int { entries.withLock { $0.count } }

    /// Does something with a room.
    ///
    /// - Parameter address: a bare JID.
    func post(to address: JID, of service: RoomService, _ operation: @escaping Operation) {
        host.router.workBegan()
        let room: Room? = entries.withLock { entries in
            switch entries[address] {
            case .loaded(let room, let count):
                entries[address] = .loaded(room, count + 1)
                return room
            case .loading(let waiting):
                entries[address] = .loading(waiting + [operation])
            case nil:
                entries[address] = .loading([operation])
                load(address, of: service)
            }
            return nil
        }
        guard let room else { return }
        if room.loop.eventLoop.inEventLoop {
            run([operation], room)
        } else {
            room.loop.eventLoop.execute { self.run([operation], room) }
        }
    }

    /// The number of occupants of each room where there are some.
    var occupantCounts: [JID: Int] {
        entries.withLock { entries in
            entries.compactMapValues { entry in
                guard case .loaded(let room, _) = entry else { return nil }
                let count = room.occupantCount.load(ordering: .relaxed)
                return count > 0 ? count : nil
            }
        }
    }

    /// Does something with each room that is in memory, on its loop.
    func forEach(_ body: @escaping @Sendable (Room) -> Void) {
        let rooms = entries.withLock { entries in
            entries.values.compactMap { entry -> Room? in
                if case .loaded(let room, _) = entry { room } else { nil }
            }
        }
        for room in rooms { room.later { body(room) } }
    }

    private func load(_ address: JID, of service: RoomService) {
        let loop = host.router.loop(for: address)
        Task {
            do throws(StorageError) {
                let stored = try await service.store.read(address)
                loop.eventLoop.execute { self.loaded(Room(address, stored, of: service, on: loop)) }
            } catch {
                self.failed(address, host.report(error))
            }
        }
    }

    private func loaded(_ room: Room) {
        let waiting: [Operation] = entries.withLock { entries in
            guard case .loading(let waiting) = entries[room.address] else { return [] }
            entries[room.address] = .loaded(room, waiting.count)
            return waiting
        }
        let isKnown = interrupted.withLock { $0.remove(room.address) != nil }
        if !isKnown { room.askForOccupants() }
        run(waiting, room)
    }

    private func failed(_ address: JID, _ error: StanzaError) {
        let waiting: [Operation] = entries.withLock { entries in
            guard case .loading(let waiting) = entries.removeValue(forKey: address) else { return [] }
            return waiting
        }
        for operation in waiting {
            operation(.failure(error))
            host.router.workEnded()
        }
    }

    private func run(_ operations: [Operation], _ room: Room) {
        for operation in operations {
            room.perform { operation(.success(room)) }
            entries.withLock { entries in
                guard case .loaded(let known, let count) = entries[room.address] else { return }
                entries[room.address] = .loaded(known, count - 1)
            }
        }
        room.goOn()
        letGo(room)
        for _ in operations { host.router.workEnded() }
    }

    /// Forgets the room if nobody is in it and nothing is under way. On its loop.
    func letGo(_ room: Room) {
        guard room.isAtRest else { return }
        entries.withLock { entries in
            guard case .loaded(let known, 0) = entries[room.address], known === room else { return }
            entries[room.address] = nil
            if !room.occupants.isEmpty { interrupted.withLock { _ = $0.insert(room.address) } }
        }
    }
}
