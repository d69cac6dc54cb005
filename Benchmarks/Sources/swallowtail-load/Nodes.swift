import ArgumentParser

/// Many nodes of a service (XEP-0060): made, published at, listed, and read page by page.
struct Nodes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Many nodes of a service, and many items of one.",
        discussion: """
            An operation is a node made, an item published at one of all nodes, a page of the service's nodes, and a page of a \
            node's items, in this order of the figures. Nodes that are there already count as made.
            """)

    @OptionGroup var target: TargetOptions
    @OptionGroup var options: RunOptions
    @Option(help: "The service.") var service = "pubsub.localhost"
    @Option(help: "Nodes that are to be there.") var nodes = 1000
    @Option(help: "Of them, those that are made.") var making = 1000
    @Option(help: "Publications, spread over all nodes.") var published = 1000
    @Option(help: "Pages of each kind.") var pages = 200
    @Option(help: "Nodes or items on a page.") var page = 50
    @Option(help: "Items of the node that is read.") var items = 1000

    func validate() throws {
        guard nodes >= making, making > 0, items > 0 else {
            throw ValidationError("--making is between 1 and --nodes, --items 1 or more")
        }
    }

    func run() throws {
        let run = try Run(target.target(), options, firstUser: target.first)
        let work = Requests(run)
        run.fleet.work = work
        run.signIn(1)
        let (service, nodes, page) = (service, nodes, page)
        let first = nodes - making
        let payload =
            "<entry xmlns='http://www.w3.org/2005/Atom'><title>\(String(repeating: "x", count: 100))</title></entry>"
        @Sendable func name(_ number: Int) -> String { "node\(number)" }
        @Sendable func publish(_ number: Int, _ item: Int, to node: Int) -> String {
            PubSubRequest.publish("\(item)", payload, to: name(node), at: service, id: Requests.id(number))
        }
        var outcomes = [
            work.measure("nodes-create", count: making, window: 8) {
                PubSubRequest.create(name(first + $0), at: service, id: Requests.id($0))
            },
            // A stride through all, so that it is never the ones that were used last.
            work.measure("nodes-publish", count: published, window: 8) { publish($0, 0, to: ($0 * 7919) % nodes) },
        ]
        func paged(_ name: String, _ text: @escaping @Sendable (String?, Int) -> String) {
            var outcome = work.measure(name, count: pages) { text(work.last, $0) }
            outcome.more["items a page"] = run.fleet.onLoop { Double(work.items) } / Double(pages)
            outcomes.append(outcome)
        }
        paged("nodes-list") { PubSubRequest.nodes(of: service, page: page, after: $0, id: Requests.id($1)) }
        _ = work.measure("items", count: items, window: 8) { publish($0, $0, to: 0) }
        paged("nodes-items") {
            PubSubRequest.items(of: name(0), at: service, page: page, after: $0, id: Requests.id($1))
        }
        run.finish(outcomes)
    }
}
