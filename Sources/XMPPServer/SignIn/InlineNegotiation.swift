import XML
import XMPP
import XMPPStream

/// Processes the requests within a sign-in (XEP-0388 §2.5) for one stream: first those about the device and the stream,
/// such as its token and resumption; then, unless there is a session already, the binding of a resource with its
/// features (XEP-0386).
///
/// Confined to the stream's loop, to which `ClientStream.wait` returns; hence `@unchecked Sendable`.
final class InlineNegotiation: @unchecked Sendable {
    private let host: Host
    /// The modules at the beginning: the same module reads and writes.
    private let loaded: LoadedModules
    private let account: OpenedAccount
    private let request: AuthenticationRequest
    private let stream: ClientStream
    private let rights: SessionRights
    private let then: (InlineOutcome) -> Void
    private var outcomes: [InlineOutcome] = []
    private var values: [any Sendable] = []

    init(
        host: Host, account: OpenedAccount, request: AuthenticationRequest, stream: ClientStream,
        then: @escaping (InlineOutcome) -> Void
    ) {
        self.host = host
        loaded = host.loaded
        self.account = account
        self.request = request
        self.stream = stream
        rights = stream.rights
        self.then = then
    }

    func start() {
        stream.wait(host.noteSignIn(request, account, on: stream)) { [self] _, token in
            if let token {
                outcomes.append(
                    InlineOutcome { writer in
                        writer.element("token", .fast, ["token": token.text, "expiry": token.expiresAt.xep0082])
                    })
            }
            go(on: 0)
        }
    }

    private func go(on index: Int) {
        guard index < loaded.authenticationFeatures.count else { return bind() }
        let feature = loaded.authenticationFeatures[index]
        guard rights.isSuperset(of: feature.needs),
            let element = request.element.child(feature.name, feature.namespace)
        else { return go(on: index + 1) }
        stream.wait(feature.handler(element, account.record, stream)) { [self] _, finish in
            outcomes.append(finish())
            go(on: index + 1)
        }
    }

    // MARK: Bind

    private func bind() {
        guard outcomes.allSatisfy({ $0.session == nil }), let wish = request.element.child("bind", .bind2) else {
            return end()
        }
        read(for: wish, from: 0)
    }

    private func read(for wish: Element, from index: Int) {
        guard index < loaded.bindFeatures.count else { return bind(wish) }
        guard let read = loaded.bindFeatures[index].read else {
            values.append(())
            return self.read(for: wish, from: index + 1)
        }
        stream.wait(read(account.record)) { [self] _, value in
            values.append(value)
            self.read(for: wish, from: index + 1)
        }
    }

    private func bind(_ wish: Element) {
        switch host.bind(account, tag: wish.child("tag", .bind2)?.text, on: stream) {
        case .success(let session):
            outcomes.append(
                InlineOutcome(session: session) { [loaded, values, rights] writer in
                    writer.element("bound", .bind2) { writer in
                        for (feature, value) in zip(loaded.bindFeatures, values)
                        where rights.isSuperset(of: feature.needs) {
                            feature.write(wish.firstChild(in: feature.namespace), value, session, &writer)
                        }
                    }
                })
        case .failure(let error):
            outcomes.append(
                InlineOutcome { writer in writer.element("failed", .bind2) { error.write(to: &$0) } })
        }
        end()
    }

    private func end() {
        then(
            InlineOutcome(
                session: outcomes.lazy.compactMap(\.session).first,
                isResumption: outcomes.contains(where: \.isResumption),
                write: { [outcomes] writer in for outcome in outcomes { outcome.write(&writer) } },
                then: { [outcomes] in for outcome in outcomes { outcome.then?() } }))
    }
}
