import NIOCore
import XMPPServer

/// XEP-0198: Stream Management: acknowledgement of stanzas by both sides, and resumption of a session on another
/// connection.
///
/// What is acknowledged is durable. If a session is not resumed in time, its unacknowledged messages go to the
/// account's other clients or to the offline store.
///
///     C: <enable xmlns="urn:xmpp:sm:3" resume="true"/>
///     S: <enabled xmlns="urn:xmpp:sm:3" id="…" resume="true" max="600"/>
///     C: <message …/><r xmlns="urn:xmpp:sm:3"/>
///     S: <a xmlns="urn:xmpp:sm:3" h="1"/>
struct StreamManagement: ServerModule {
    static let info = ModuleInfo(
        "stream-management", implements: [.xep(198, "1.6.3")],
        summary: "Acknowledges stanzas, and lets clients go on with their session on another connection.")

    struct Settings: ModuleSettings {
        let resumes: Bool
        let resumption: ResumptionSettings
        let location: String?

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            resumes = section.boolean(
                "resume", default: true, "Whether a session outlives its connection, so that its client can resume it.")
            resumption = ResumptionSettings(
                time: section.duration(
                    "resume-time", default: .seconds(600), in: .seconds(1)...(.seconds(86_400)),
                    "How long a session may be without a connection before it ends."),
                stanzas: section.integer(
                    "queued-stanzas", default: 5_000, in: 10...1_000_000,
                    "Stanzas that may wait for a client's acknowledgement. With more its session ends, and messages go "
                        + "elsewhere."),
                bytes: section.byteCount(
                    "queued-bytes", default: 4 << 20, in: (16 << 10)...(1 << 30), "Bytes of these stanzas."),
                patience: section.duration(
                    "acknowledgement-time", default: .seconds(60), in: .seconds(1)...(.seconds(3_600)),
                    "How long a client may take to answer a request for acknowledgement. After that its connection is lost."
                ))
            location = section.optionalString(
                "location",
                "Where clients are to resume, as `host` or `host:port`, if that is another place than usual.")
        }
    }

    private let host: Host
    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        registrar.resumption(settings.resumption)
        registrar.streamFeature(.authenticated) { $0.element("sm", .streamManagement) }
        registrar.streamElement("enable", .streamManagement, .authenticated, needs: .chat, enable)
        registrar.streamElement("resume", .streamManagement, .authenticated, needs: .chat, resume)
        for layer in [StreamStateMachine.Layer.plain, .secured] {
            for name in ["enable", "resume"] as [StaticString] {
                registrar.streamElement(name, .streamManagement, layer) { _, stream in
                    // §3: too early, but no reason to close the stream.
                    stream.write { Self.writeFailure(.unexpectedRequest, to: &$0) }
                    return true
                }
            }
        }
        registrar.streamElement("r", .streamManagement, .authenticated, needs: .chat) { _, stream in
            withAcknowledging(stream) { $0.input.answerCount() }
        }
        registrar.streamElement("a", .streamManagement, .authenticated, needs: .chat) { element, stream in
            withAcknowledging(stream) { acknowledged(element, $0, stream) }
        }
        registrar.bindFeature(.streamManagement, needs: .chat) { element, session, writer in
            guard let element, element.hasName("enable") else { return }
            enable(element, session, to: &writer)
        }
        registrar.authenticationFeature(
            "resume", .streamManagement, needs: .chat, announcedBy: { $0.element("sm", .streamManagement) },
            resumeInline)
    }

    // MARK: Enabling, §3

    @Sendable private func enable(_ element: Element, _ stream: ClientStream) -> Bool {
        guard let session = stream.session else {
            stream.write { Self.writeFailure(.unexpectedRequest, to: &$0) }
            return true
        }
        guard !session.isAcknowledging else {
            stream.close(StreamError(.policyViolation, text: "stream management is enabled already"))
            return true
        }
        stream.write { enable(element, session, to: &$0) }
        return true
    }

    private func enable(_ element: Element, _ session: ClientSession, to writer: inout XMLWriter) {
        let asksToResume = element.attribute("resume", equals: "true") || element.attribute("resume", equals: "1")
        var time = settings.resumption.time
        if let wish = element["max"].flatMap({ Int(schema: $0) }), wish > 0 { time = min(time, .seconds(wish)) }
        session.beginAcknowledging(resumableFor: settings.resumes && asksToResume ? time : nil)
        writer.start("enabled", .streamManagement)
        if let resumption = session.resumption {
            writer.attribute("id", resumption.secret)
            writer.attribute("resume", "true" as StaticString)
            writer.attribute("max", Int(resumption.time.components.seconds))
            writer.attribute("location", settings.location)
        }
        writer.end()
    }

    // MARK: Acknowledgement, §4

    private func withAcknowledging(_ stream: ClientStream, _ body: (ClientSession) -> Void) -> Bool {
        if let session = stream.session, session.isAcknowledging {
            body(session)
        } else {
            stream.write { Self.writeFailure(.unexpectedRequest, to: &$0) }
        }
        return true
    }

    private func acknowledged(_ element: Element, _ session: ClientSession, _ stream: ClientStream) {
        guard let count = element["h"].flatMap({ UInt32(schema: $0) }) else { return stream.close(.badFormat) }
        guard let sent = session.output.acknowledged(count) else { return }
        stream.close(Self.tooHigh(count, sent: sent))
    }

    /// §4: the client acknowledges more than was sent.
    private static func tooHigh(_ count: UInt32, sent: UInt32) -> StreamError {
        StreamError(
            .undefinedCondition,
            detail: StreamError.Detail(
                "handled-count-too-high", .streamManagement, [("h", count), ("send-count", sent)]))
    }

    // MARK: Resumption, §5

    @Sendable private func resume(_ element: Element, _ stream: ClientStream) -> Bool {
        guard stream.session == nil, let account = stream.signedIn else {
            stream.write { Self.writeFailure(.unexpectedRequest, to: &$0) }
            return true
        }
        stream.wait({ await host.find(account) }) { stream, found in
            switch found {
            case .success(let record?):
                stream.wait(resume(element, record, stream)) { stream, step in
                    finish(step(), stream)
                }
            case .success(nil):
                stream.write { Self.writeFailure(StanzaError(.notAuthorized), to: &$0) }
            case .failure(let error):
                stream.write { Self.writeFailure(error, to: &$0) }
            }
        }
        return true
    }

    private func finish(_ result: Result<Resumed, ResumptionFailure>, _ stream: ClientStream) {
        switch result {
        case .success(let resumed):
            stream.resume(resumed.session)
            stream.write { resumed.write(to: &$0) }
            resumed.session.connect(to: stream)
        case .failure(.tooHigh(let count, let sent)):
            stream.close(Self.tooHigh(count, sent: sent))
        case .failure(let failure):
            stream.write { Self.write(failure, to: &$0) }
        }
    }

    /// Within a sign-in by XEP-0388.
    @Sendable private func resumeInline(
        _ element: Element, _ record: AccountRecord, _ stream: ClientStream
    ) -> Eventual<@Sendable () -> InlineOutcome> {
        resume(element, record, stream).map { step in
            {
                switch step() {
                case .success(let resumed):
                    InlineOutcome(
                        session: resumed.session, isResumption: true, write: { resumed.write(to: &$0) },
                        then: { resumed.session.connect(to: stream) })
                case .failure(let failure):
                    InlineOutcome { Self.write(failure, to: &$0) }
                }
            }
        }
    }

    private struct Resumed {
        let session: ClientSession
        let secret: String

        func write(to writer: inout XMLWriter) {
            writer.element(
                "resumed", .streamManagement, ["previd": secret, "h": String(session.input.handled)])
        }
    }

    private func resume(
        _ element: Element, _ record: AccountRecord, _ stream: ClientStream
    ) -> Eventual<@Sendable () -> Result<Resumed, ResumptionFailure>> {
        guard let secret = element["previd"], let count = element["h"].flatMap({ UInt32(schema: $0) }) else {
            return .now { .failure(.refused(.badRequest)) }
        }
        return host.resume(secret, count: count, of: record, on: stream).map { step in
            { step().map { Resumed(session: $0, secret: secret) } }
        }
    }

    // MARK: Failures, §6

    private static func write(_ failure: ResumptionFailure, to writer: inout XMLWriter) {
        switch failure {
        case .notFound(let count): writeFailure(StanzaError(.itemNotFound), handled: count, to: &writer)
        case .tooHigh(let count, _): writeFailure(.badRequest, handled: count, to: &writer)
        case .refused(let error): writeFailure(error, to: &writer)
        }
    }

    private static func writeFailure(_ error: StanzaError, handled: UInt32? = nil, to writer: inout XMLWriter) {
        writer.start("failed", .streamManagement)
        writer.attribute("h", handled.map { String($0) })
        writer.start(dynamic: error.condition.rawValue, namespaceName: Namespace.stanzas.name)
        writer.end()
        writer.end()
    }
}
