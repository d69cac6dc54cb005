/// Requests of the first client, each measured from its sending to its answer.
final class Requests: Work, @unchecked Sendable {
    private unowned let run: Run
    private var count = 0
    private var askedAt: [UInt64?] = []
    private var answered = 0
    private var text: (Int) -> String = { _ in "" }
    /// Where the last page that was answered ended; nil: it was the last of all.
    private(set) var last: String?
    /// Items of all pages.
    private(set) var items = 0

    init(_ run: Run) {
        self.run = run
    }

    static func id(_ number: Int) -> String { "request\(number)" }

    /// Sends requests, some at a time, and waits for all answers. To be called on the main thread.
    ///
    /// - Parameter text: the request of that number, with ``id(_:)``.
    func measure(
        _ name: String, count: Int, window: Int = 1, _ text: @escaping @Sendable (Int) -> String
    ) -> Outcome {
        run.fleet.onLoop {
            self.count = count
            (self.askedAt, self.answered, self.text, self.last, self.items) = ([], 0, text, nil, 0)
            self.run.tally.forgetLatencies()
        }
        let begin = run.reading()
        run.fleet.onLoop { for _ in 0..<min(window, count) { self.ask() } }
        guard run.fleet.wait(seconds: run.options.timeout, until: { _ in self.answered >= count }) else {
            fail("\(name): not all requests were answered within \(Int(run.options.timeout)) s")
        }
        let end = run.reading()
        return run.outcome(name, from: begin, to: end, operations: count, lost: 0)
    }

    private func ask() {
        let number = askedAt.count
        askedAt.append(uptime())
        run.fleet.clients[0]?.write(text(number))
    }

    func received(_ stanza: ReceivedStanza, by client: Client) {
        guard stanza.isNamed("iq") else { return }
        guard let id = stanza.text(ofAttribute: "id"), id.hasPrefix("request"), let number = Int(id.dropFirst(7)),
            number < askedAt.count, let begin = askedAt[number]
        else { return client.answer(stanza) }
        askedAt[number] = nil
        run.tally.took(uptime() - begin)
        answered += 1
        if stanza.attribute("type", is: "error"), !stanza.contains("<conflict") {
            run.tally.errors += 1
            run.fleet.complain(stanza.excerpt)
        }
        var place = 0
        var onPage = 0
        while let item = stanza.find("<item ", from: place) {
            place = item + 6
            onPage += 1
        }
        items += onPage
        last = onPage > 0 ? stanza.text(in: "<last") : nil
        if askedAt.count < count { ask() }
    }
}
