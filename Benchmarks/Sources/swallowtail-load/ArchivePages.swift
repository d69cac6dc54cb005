import ArgumentParser
import NIOCore

/// Reads archives page by page (XEP-0313, XEP-0059).
struct ArchivePages: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "archive-pages",
        abstract: "Archives read page by page.",
        discussion: """
            An operation is a page. What is in the archives is there from `chat` on a server that keeps chats. Ends with \
            3 if the server has no XEP-0313.
            """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var pace: PaceOptions
    @OptionGroup var options: RunOptions
    @Option(help: "Clients, each reading its own archive.") var connections = 10
    @Option(help: "Messages on a page.") var page = 50

    func run() throws {
        let run = try Run(target.target(), options, firstUser: target.first)
        let work = ArchiveWork(run, clients: connections, page: page)
        run.fleet.work = work
        run.signIn(connections)
        run.fleet.onLoop { work.probe() }
        guard run.fleet.wait(seconds: 10, until: { _ in work.isOffered != nil }) else { fail("no answer to a query") }
        guard run.fleet.onLoop({ work.isOffered == true }) else {
            note("the server does not offer XEP-0313")
            run.fleet.close()
            throw ExitCode(3)
        }
        var outcome = run.measure("archive-pages", work, pace)
        outcome.more["messages a page"] = run.fleet.onLoop { Double(work.messages) / Double(max(1, work.pages)) }
        run.finish([outcome])
    }
}

final class ArchiveWork: PacedWork, @unchecked Sendable {
    private unowned let run: Run
    private let clients: Int
    private let page: Int
    private var last: [String?]
    private var askedAt: [UInt64?]
    private var nextToFire = 0
    private(set) var messages = 0
    private(set) var pages = 0
    private(set) var isOffered: Bool?

    init(_ run: Run, clients: Int, page: Int) {
        self.run = run
        self.clients = clients
        self.page = page
        last = Array(repeating: nil, count: clients)
        askedAt = last.map { _ in nil }
    }

    private func query(_ index: Int, _ id: String, _ page: Int) {
        let after = last[index].map { "<after>\($0)</after>" } ?? ""
        run.fleet.clients[index]?.write(
            "<iq type='set' id='\(id)'><query xmlns='urn:xmpp:mam:2' queryid='q'>"
                + "<set xmlns='http://jabber.org/protocol/rsm'><max>\(page)</max>\(after)</set></query></iq>")
    }

    func probe() { query(0, "probe", 1) }

    private func ask(_ index: Int, due: UInt64) {
        // One page at a time for each client.
        guard askedAt[index] == nil else { return }
        askedAt[index] = due
        run.tally.sent += 1
        query(index, "page", page)
    }

    func fire(due: UInt64) {
        ask(nextToFire, due: due)
        nextToFire = (nextToFire + 1) % clients
    }

    func prime() {
        for index in 0..<clients { ask(index, due: uptime()) }
    }

    func received(_ stanza: ReceivedStanza, by client: Client) {
        if stanza.isNamed("message") {
            if stanza.contains("<result") { messages += 1 }
            return
        }
        guard stanza.isNamed("iq") else { return }
        if stanza.attribute("id", is: "probe") {
            isOffered = !stanza.attribute("type", is: "error")
            messages = 0
            return
        }
        guard stanza.attribute("id", is: "page"), let due = askedAt[client.index] else { return client.answer(stanza) }
        askedAt[client.index] = nil
        run.tally.received += 1
        run.tally.took(uptime() - min(due, uptime()))
        pages += 1
        let isComplete = stanza.find("<fin").map { stanza.text(ofAttribute: "complete", ofTagAt: $0) == "true" } ?? true
        if stanza.attribute("type", is: "error") {
            run.tally.errors += 1
            run.fleet.complain(stanza.excerpt)
            last[client.index] = nil
        } else {
            last[client.index] = isComplete ? nil : stanza.text(in: "<last")
        }
        if run.isClosedLoop, run.maySend { ask(client.index, due: uptime()) }
    }
}
