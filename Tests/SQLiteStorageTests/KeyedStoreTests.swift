import SQLiteStorage
import Testing
import XML
import XMPP
import XMPPServer

@Suite("Typed stores of values")
struct KeyedStoreTests {
    private let directory = TemporaryDirectory()

    @Test("A value comes back as it was put")
    func roundTrip() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let notes = KeyedStore<Note>("notes", in: storage)
        let mary = try #require(JID("mary@example.com/desk"))

        #expect(try await notes.get(mary) == nil)
        try await notes.put(Note(text: "a < b & \"c\" ☃"), mary)
        try await notes.put(Note(text: ""), mary, key: "empty")
        #expect(try await notes.get(mary.bare) == Note(text: "a < b & \"c\" ☃"))
        #expect(try await notes.all(mary).mapValues(\.text) == ["": "a < b & \"c\" ☃", "empty": ""])

        try await notes.remove(mary)
        #expect(try await notes.get(mary) == nil)
        #expect(try await KeyedStore<Note>("others", in: storage).all(mary).isEmpty)
        await storage.close()
    }

    @Test("A value can be changed together with others")
    func inOneGroup() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let notes = KeyedStore<Note>("notes", in: storage)
        let mary = try #require(JID("mary@example.com"))
        try await storage.commit([
            notes.putting(Note(text: "1"), mary, key: "a"), notes.putting(Note(text: "2"), mary, key: "b"),
            notes.removing(mary, key: "a"),
        ])
        #expect(try await notes.all(mary) == ["b": Note(text: "2")])
        await storage.close()
    }

    @Test("Values are stored as XML, and longer ones than a stanza may be")
    func stored() async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let notes = KeyedStore<Note>("notes", in: storage)
        let mary = try #require(JID("mary@example.com"))
        try await notes.put(Note(text: "hi"), mary)
        let bytes = try #require(try await storage.value("notes", mary, key: ""))
        #expect(String(decoding: bytes, as: UTF8.self) == #"<note xmlns="urn:example:note">hi</note>"#)

        let long = Note(text: String(repeating: "x", count: 1 << 20))
        try await notes.put(long, mary)
        #expect(try await notes.get(mary) == long)
        await storage.close()
    }

    @Test("What is no such value is an error, not a missing value", arguments: ["<note", "<other/>", ""])
    func damaged(_ text: String) async throws {
        let storage = try SQLiteStorage(path: directory.database)
        let mary = try #require(JID("mary@example.com"))
        try await storage.commit([.putValue(store: "notes", owner: mary, key: "", Array(text.utf8))])
        let error = await #expect(throws: StorageError.self) {
            try await KeyedStore<Note>("notes", in: storage).get(mary)
        }
        #expect(error?.kind == .failed)
        await storage.close()
    }
}

private struct Note: StoredValue, Equatable {
    static let namespace: Namespace = "urn:example:note"

    let text: String

    init(text: String) {
        self.text = text
    }

    init?(stored element: Element) {
        guard element.isNamed("note", Self.namespace) else { return nil }
        text = element.text
    }

    func write(to writer: inout XMLWriter) {
        writer.start("note", Self.namespace)
        writer.text(text)
        writer.end()
    }
}
