import XMPPServer

/// A page of the items of a map that are for whoever asks: neither its bounds nor an error name others.
struct ShownPage<Value: StoredValue> {
    let items: [MapItem<Value>]
    /// Whether the answer has to say where the page is: there is more, or a page of that size was asked for.
    let isPart: Bool

    /// Writes the position of the page, if that has to be said. To count what is shown would cost what there is.
    func write(to writer: inout XMLWriter) {
        guard isPart else { return }
        ResultSet.write(first: items.first?.key, last: items.last?.key, count: nil, to: &writer)
    }
}

/// Items that are read at a time, at least.
private let readAtLeast = 50

extension Host {
    /// The page that was asked for.
    ///
    /// - Parameter maximum: items of the largest page.
    /// - Throws: `item-not-found` if it is to begin with an item that is not there, or not shown.
    func page<Value>(
        _ asked: ResultSet, of map: MapName, in store: MapStore<Value>, order: MapQuery.Order, atMost maximum: Int,
        showing isShown: (MapItem<Value>) async throws(StanzaError) -> Bool
    ) async throws(StanzaError) -> ShownPage<Value> {
        switch asked.place {
        case .first, .last: break
        case .after(let key), .before(let key):
            let named: [MapItem<Value>]
            do throws(StorageError) { named = try await store.items(map, keys: [key]) } catch { throw report(error) }
            guard let item = named.first, try await isShown(item) else { throw .itemNotFound }
        }
        let limit = min(asked.maximum ?? maximum, maximum)
        let size = max(limit + 1, readAtLeast)
        // One more tells that there are more.
        var found: [MapItem<Value>] = []
        var position = asked.position
        while found.count <= limit {
            let query = MapQuery(map, order: order, position: position, limit: size)
            let page: MapPage<Value>?
            do throws(StorageError) { page = try await store.page(query) } catch { throw report(error) }
            guard let page else { throw .itemNotFound }
            for item in asked.isBackward ? page.items.reversed() : page.items where found.count <= limit {
                if try await isShown(item) { found.append(item) }
            }
            guard page.items.count == size, let edge = asked.isBackward ? page.items.first : page.items.last else {
                break
            }
            position = asked.isBackward ? .before(edge.key) : .after(edge.key)
        }
        let items = Array(found.prefix(limit))
        return ShownPage(
            items: asked.isBackward ? items.reversed() : items, isPart: found.count > limit || asked.maximum != nil)
    }
}
