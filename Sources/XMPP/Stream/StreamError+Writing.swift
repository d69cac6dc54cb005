public import XML

extension StreamError {
    /// Writes the element `stream:error`, which declares its prefix itself.
    public func write(to writer: inout XMLWriter) {
        writer.start("error", prefix: "stream", .streams)
        if case .seeOtherHost(let host) = condition {
            writer.element(condition.name, .streamErrors, text: host)
        } else {
            writer.element(condition.name, .streamErrors)
        }
        if let text {
            writer.start("text", .streamErrors)
            writer.lang("en")
            writer.text(text)
            writer.end()
        }
        if let detail {
            writer.start(detail.name, detail.namespace)
            for (name, count) in detail.counts { writer.attribute(name, Int(count)) }
            writer.end()
        }
        writer.end()
    }
}
