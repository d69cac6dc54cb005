import NIOCore
import NIOEmbedded
import SQLiteStorage
import XMPPServer

extension Benchmark {
    /// Stanzas in one tick of the loop, so that what the tick costs here, where loops are threads of others, is little.
    private static let burst = 128

    private static func routing(_ name: String, _ stanza: String, answered: Bool) -> Benchmark {
        Benchmark(name: name) {
            let memory = try await MemoryServer()
            let romeo = try await memory.signIn("romeo")
            let juliet = try await memory.signIn("juliet")
            let target = answered ? romeo : juliet
            let bytes = ByteBuffer(string: stanza)
            let route = { (count: Int) in
                let before = try await target.byteCount()
                for _ in 0..<(count / burst) {
                    try await memory.loop.executeInContext {
                        for _ in 0..<burst { romeo.receive(bytes) }
                    }
                    await memory.loop.run()
                }
                // The account of the first message may have to be read; then the loop goes on a little later.
                var patience = 2000
                while try await target.byteCount() - before < count / burst * burst * 32 {
                    guard patience > 0 else { throw Broken("\(name): nothing comes") }
                    patience -= 1
                    try await Task.sleep(for: .milliseconds(1))
                    await memory.loop.run()
                }
            }
            try await route(burst)
            return route
        }
    }

    static var routing: [Benchmark] {
        [
            Benchmark(name: "route: four handlers of a moment") {
                let memory = try await MemoryServer()
                guard let host = memory.server.hosts[MemoryServer.domain] else { throw Broken("no host") }
                return { count in
                    var event = 0
                    for _ in 0..<count { host.fire(Probe.moment, &event) }
                    guard event == count * 4 else { throw Broken("only \(event) calls of handlers") }
                    // It owns the storage.
                    consume(memory)
                }
            },
            routing("route: chat message", message.replacing("user2@", with: "juliet@"), answered: false),
            routing(
                "route: ping", "<iq type='get' id='p1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
                answered: true),
        ]
    }

    /// Both sides' entries of a message, committed in groups as they come.
    static var storage: [Benchmark] {
        [
            Benchmark(
                name: "archive: message, both sides",
                prepare: {
                    let folder = Folder()
                    let storage = try SQLiteStorage(path: "\(folder.path)/benchmark.db")
                    let ids = try await ArchiveIDGenerator(storage: storage)
                    guard let romeo = JID("romeo@localhost"), let juliet = JID("juliet@localhost") else {
                        throw Broken("no addresses")
                    }
                    for jid in [romeo, juliet] {
                        try await storage.commit([.addAccount(Account(jid: jid, createdAt: .now()), credentials: [])])
                    }
                    let stanza = Array(message.utf8)
                    return { count in
                        for number in 1...count {
                            let time = Timestamp.now()
                            let reserved = ids.reserve(2, at: time)
                            func entry(_ side: Int, _ owner: JID, _ peer: JID, _ isIncoming: Bool) -> StorageChange {
                                .append(
                                    ArchiveEntry(
                                        id: reserved.ids[side], collection: ArchiveEntry.archive, owner: owner,
                                        peer: peer,
                                        isIncoming: isIncoming, time: time, stanza: stanza))
                            }
                            let changes = [entry(0, romeo, juliet, false), entry(1, juliet, romeo, true)]
                            storage.submit(changes, completion: nil)
                            if number % 256 == 0 { await storage.flush() }
                        }
                        await storage.flush()
                        consume(folder)
                    }
                },
                isConcurrent: true)
        ]
    }
}
