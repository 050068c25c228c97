package ticketbridge;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Receives what staff replied, and each change of a ticket's status. MIT licence; Java 17, no dependencies.
 *
 * <pre>{@code
 * var events = new TicketEvents(TicketEvents.file(folder.resolve("events")), event -> {
 *     if (event.reply() != null) keepFor(event.reporterId(), event.reply().text());
 * });
 * events.poll(URI.create("https://tickets.example.com"), apiKey); // asks for events, and waits for the next one
 * events.listen(new InetSocketAddress(8090), secret); // or is sent them, by a webhook of the bridge
 * ...
 * events.close();
 * }</pre>
 *
 * An event counts as handled when the handler returns; then that is saved, and only then the bridge is told. If the
 * handler throws, the same event comes again. A server that stops between the two gets the event again, with the
 * same id: this is at least once. Events of one ticket come in order. The handler runs on a thread of its own, one
 * event at a time; a database or a file is safer than a player, who may be away.
 */
public final class TicketEvents implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger("TicketEvents");
    private static final int WAIT = 25; // seconds that the bridge holds a request until there is an event
    private static final int KNOWN = 1000; // ids of handled events that are kept
    private static final int MAX_BODY = 1 << 20; // bytes
    private static final Duration TOLERANCE = Duration.ofMinutes(5); // between the clocks, and against replays
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
    private static final Duration COMPLAIN_EVERY = Duration.ofMinutes(1);
    private static final Pattern WHOLE_SECONDS = Pattern.compile("[0-9]{1,10}");
    private static final Map<Integer, String> CURES = Map.of(
            401, "Make a key with `ticketbridge key create --source modl`, and put it into your configuration.",
            404, "Is that where your ticketbridge listens, without a path?");

    private final Store store;
    private final Handler handler;
    private final Duration firstPause;
    private final InstantSource clock;
    private final Object handling = new Object(); // one event at a time; guards the two below
    private final Set<String> known = new LinkedHashSet<>(); // oldest first
    private long position; // the number of the last event of the feed that was handled
    private final Map<String, Instant> complaints = new ConcurrentHashMap<>();
    private final List<AutoCloseable> running = new ArrayList<>();

    /** What happened to a ticket. Reply is null if its status changed; a game report has no replies. */
    public record Event(long seq, String id, String type, Instant createdAt, String ticketId, String reporterId,
            boolean gameReport, String status, Reply reply) {

        private static Event of(Map<?, ?> json) {
            var reply = (Map<?, ?>) json.get("reply");
            return new Event(((Number) json.get("seq")).longValue(), (String) json.get("id"),
                    (String) json.get("type"), Instant.parse((String) json.get("createdAt")),
                    (String) json.get("ticketId"), (String) json.get("reporterId"),
                    Boolean.TRUE.equals(json.get("gameReport")), (String) json.get("status"),
                    reply == null ? null : new Reply((String) reply.get("author"), (String) reply.get("text")));
        }
    }

    /** What staff said. Text of people: show it as text. */
    public record Reply(String author, String text) {}

    /** What your plugin does with an event. If it throws, the event comes again. */
    public interface Handler {
        void handle(Event event) throws Exception;
    }

    /** Where your plugin keeps what was handled: one text, replaced as a whole. */
    public interface Store {
        /** What was saved last; empty at first. */
        String load() throws IOException;

        /** Returns once it is on the disk. */
        void save(String handled) throws IOException;
    }

    /** Throws if what was saved cannot be loaded. */
    public TicketEvents(Store store, Handler handler) throws IOException {
        this(store, handler, Duration.ofSeconds(2), InstantSource.system());
    }

    TicketEvents(Store store, Handler handler, Duration firstPause, InstantSource clock) throws IOException {
        this.store = store;
        this.handler = handler;
        this.firstPause = firstPause;
        this.clock = clock;
        List<String> lines = store.load().lines().toList();
        this.position = lines.isEmpty() ? 0 : Long.parseLong(lines.get(0));
        lines.stream().skip(1).forEach(known::add);
    }

    /** Keeps it in a file; its folder must exist. */
    public static Store file(Path path) {
        return new Store() {
            @Override
            public String load() throws IOException {
                return Files.exists(path) ? Files.readString(path) : "";
            }

            @Override
            public void save(String handled) throws IOException {
                Path next = path.resolveSibling(path.getFileName() + ".new");
                try (var file = FileChannel.open(next, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                        StandardOpenOption.TRUNCATE_EXISTING)) {
                    file.write(ByteBuffer.wrap(handled.getBytes(StandardCharsets.UTF_8)));
                    file.force(true);
                }
                Files.move(next, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            }
        };
    }

    /** Asks the bridge for events, one request after another, on a thread of its own. The key is that of tickets. */
    public synchronized void poll(URI base, String apiKey) {
        // Without a version, Java asks a plain HTTP server to switch to HTTP/2 first, which not every proxy survives.
        HttpClient http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5)).build();
        String url = base.toString().replaceAll("/+$", "") + "/v1/events?wait=" + WAIT + "&after=";
        HttpRequest.Builder template = HttpRequest.newBuilder(URI.create(url + 0))
                .timeout(Duration.ofSeconds(WAIT + 10)).header("X-API-Key", apiKey.strip());
        Thread thread = new Thread(() -> pollUntilClosed(http, template, url), "TicketEvents");
        thread.setDaemon(true);
        thread.start();
        running.add(thread::interrupt);
    }

    /**
     * Listens for the events of an outgoing webhook, by plain HTTP: put a proxy with TLS in front of it, unless the
     * bridge is on the same machine. The secret is the one that {@code ticketbridge webhook add} printed. Throws if
     * the port is taken or the secret is none.
     */
    public synchronized InetSocketAddress listen(InetSocketAddress address, String secret) throws IOException {
        SecretKeySpec key = key(secret);
        HttpServer server = HttpServer.create(address, 0);
        ThreadFactory daemons = task -> {
            Thread thread = new Thread(task, "TicketEvents");
            thread.setDaemon(true);
            return thread;
        };
        ExecutorService threads = Executors.newFixedThreadPool(4, daemons);
        server.setExecutor(threads);
        server.createContext("/", exchange -> answer(exchange, key));
        server.start();
        running.add(() -> {
            server.stop(0);
            threads.shutdownNow();
        });
        return server.getAddress();
    }

    /** Stops; an event that is being handled now comes again. */
    @Override
    public synchronized void close() {
        for (AutoCloseable one : running) {
            try {
                one.close();
            } catch (Exception failure) {
                LOG.log(Level.WARNING, "It could not be stopped: " + failure);
            }
        }
        running.clear();
    }

    private void pollUntilClosed(HttpClient http, HttpRequest.Builder template, String url) {
        Duration pause = firstPause;
        try {
            while (!Thread.currentThread().isInterrupted()) {
                Duration wait = pollOnce(http, template.copy().uri(URI.create(url + position())).build(), pause);
                Duration doubled = pause.multipliedBy(2);
                pause = wait.isZero() ? firstPause : doubled.compareTo(LONGEST_PAUSE) < 0 ? doubled : LONGEST_PAUSE;
                Thread.sleep(wait.toMillis());
            }
        } catch (InterruptedException closed) {
            Thread.currentThread().interrupt();
        }
    }

    private long position() {
        synchronized (handling) {
            return position;
        }
    }

    /** How long to wait until the next request; zero if this one worked. */
    private Duration pollOnce(HttpClient http, HttpRequest request, Duration pause) throws InterruptedException {
        HttpResponse<String> answer;
        try {
            answer = http.send(request, BodyHandlers.ofString());
        } catch (IOException noAnswer) {
            complain("no answer", request.uri() + " cannot be reached: " + noAnswer);
            return pause;
        }
        if (answer.statusCode() != 200) {
            int status = answer.statusCode();
            complain(String.valueOf(status), request.uri() + " answered " + status + ": " + answer.body() + " "
                    + CURES.getOrDefault(status, ""));
            String asked = answer.headers().firstValue("Retry-After").orElse("");
            long least = WHOLE_SECONDS.matcher(asked).matches() ? Long.parseLong(asked) : 0;
            return Duration.ofMillis(Math.max(pause.toMillis(), least * 1000));
        }
        return takePage(answer.body(), pause);
    }

    private Duration takePage(String body, Duration pause) throws InterruptedException {
        try {
            List<?> events = (List<?>) Json.object(body).get("events");
            for (Object one : events) {
                Event event = Event.of((Map<?, ?>) one);
                take(event.id(), event, true);
            }
            if (events.isEmpty()) { // a bridge with too many requests that wait answers at once
                Thread.sleep(Duration.ofSeconds(1).toMillis());
            }
            return Duration.ZERO;
        } catch (InterruptedException closed) {
            throw closed;
        } catch (Exception failure) {
            complain("handler", "Events come again: " + failure);
            return pause;
        }
    }

    /** Handles an event unless it is known, and saves that it is; of the feed, also its number. */
    private void take(String id, Event event, boolean isOfFeed) throws Exception {
        synchronized (handling) {
            if (!known.contains(id)) {
                handler.handle(event);
                known.add(id);
            }
            if (known.size() > KNOWN) {
                known.remove(known.iterator().next());
            }
            long reached = isOfFeed ? event.seq() : position;
            store.save(reached + "\n" + String.join("\n", known) + "\n");
            position = reached;
        }
    }

    private void answer(HttpExchange exchange, SecretKeySpec key) throws IOException {
        try (exchange) {
            exchange.sendResponseHeaders(receive(exchange, key), -1);
        }
    }

    /** The status of the answer. Only 2xx tells the bridge that the event was handled. */
    private int receive(HttpExchange exchange, SecretKeySpec key) throws IOException {
        if (!exchange.getRequestMethod().equals("POST")) {
            return 405;
        }
        byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY + 1);
        if (body.length > MAX_BODY) {
            return 413;
        }
        Headers headers = exchange.getRequestHeaders();
        String id = headers.getFirst("webhook-id");
        if (!verifies(key, id, headers.getFirst("webhook-timestamp"), headers.getFirst("webhook-signature"), body)) {
            complain("401", "A request is not from the bridge, or of another webhook's secret. Its webhook-id: " + id);
            return 401;
        }
        try {
            takePushed(id, Json.object(new String(body, StandardCharsets.UTF_8)));
            return 204;
        } catch (Exception failure) {
            complain("handler", "The event " + id + " comes again: " + failure);
            return 500;
        }
    }

    private void takePushed(String id, Map<?, ?> json) throws Exception {
        if (json.get("ticketId") == null) { // of `ticketbridge webhook test`, or of a type to come
            LOG.log(Level.INFO, "An event of the type " + json.get("type") + " arrived.");
        } else {
            take(id, Event.of(json), false);
        }
    }

    /** Whether it is signed with the secret, now: Standard Webhooks. During a rotation there are two signatures. */
    private boolean verifies(SecretKeySpec key, String id, String timestamp, String signatures, byte[] body) {
        if (id == null || signatures == null || timestamp == null || !WHOLE_SECONDS.matcher(timestamp).matches()) {
            return false;
        }
        Instant signedAt = Instant.ofEpochSecond(Long.parseLong(timestamp));
        if (Duration.between(signedAt, clock.instant()).abs().compareTo(TOLERANCE) > 0) {
            return false;
        }
        byte[] expected = ("v1," + Base64.getEncoder().encodeToString(signature(key, id + "." + timestamp + ".", body)))
                .getBytes(StandardCharsets.UTF_8);
        return Arrays.stream(signatures.split(" ")).anyMatch( // in a time that says nothing about the signature
                given -> MessageDigest.isEqual(expected, given.getBytes(StandardCharsets.UTF_8)));
    }

    private static byte[] signature(SecretKeySpec key, String head, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(key);
            mac.update(head.getBytes(StandardCharsets.UTF_8));
            return mac.doFinal(body);
        } catch (GeneralSecurityException impossible) { // every Java has it
            throw new IllegalStateException(impossible);
        }
    }

    private static SecretKeySpec key(String secret) {
        String text = secret.strip();
        if (!text.startsWith("whsec_")) {
            throw new IllegalArgumentException("The secret is the one that `ticketbridge webhook add` printed: whsec_...");
        }
        return new SecretKeySpec(Base64.getDecoder().decode(text.substring("whsec_".length())), "HmacSHA256");
    }

    /** Logs each cause once a minute. */
    private void complain(String cause, String text) {
        Instant now = clock.instant();
        Instant last = complaints.get(cause);
        if (last == null || !now.isBefore(last.plus(COMPLAIN_EVERY))) {
            complaints.put(cause, now);
            LOG.log(Level.WARNING, text);
        }
    }

    /** As much JSON as events need, so that this stays one file: maps, lists, texts, doubles, booleans, nulls. */
    private static final class Json {
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        static Map<?, ?> object(String text) throws IOException {
            try {
                return (Map<?, ?>) new Json(text).value();
            } catch (RuntimeException notJson) {
                throw new IOException("the answer is not an event in JSON", notJson);
            }
        }

        private Object value() {
            char first = skip();
            return switch (first) {
                case '{' -> object();
                case '[' -> list();
                case '"' -> string();
                default -> literal();
            };
        }

        /** The next character that is no white space. */
        private char skip() {
            while (Character.isWhitespace(text.charAt(at))) {
                at++;
            }
            return text.charAt(at);
        }

        /** Whether there is another element; the bracket at the end, or the comma before it, is behind. */
        private boolean hasMore(char end, boolean isFirst) {
            char next = skip();
            if (next == end || !isFirst) {
                at++;
            }
            return next != end;
        }

        private Map<String, Object> object() {
            var members = new LinkedHashMap<String, Object>();
            at++;
            while (hasMore('}', members.isEmpty())) {
                skip();
                String name = string();
                skip();
                at++; // the colon
                members.put(name, value());
            }
            return members;
        }

        private List<Object> list() {
            var items = new ArrayList<Object>();
            at++;
            while (hasMore(']', items.isEmpty())) {
                items.add(value());
            }
            return items;
        }

        private String string() {
            var out = new StringBuilder();
            for (at++; text.charAt(at) != '"'; at++) {
                out.append(text.charAt(at) == '\\' ? escaped() : text.charAt(at));
            }
            at++;
            return out.toString();
        }

        private char escaped() {
            char c = text.charAt(++at);
            if (c == 'u') {
                at += 4;
                return (char) Integer.parseInt(text, at - 3, at + 1, 16);
            }
            int letter = "bfnrt".indexOf(c);
            return letter < 0 ? c : "\b\f\n\r\t".charAt(letter);
        }

        private Object literal() {
            int start = at;
            while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) {
                at++;
            }
            String word = text.substring(start, at);
            return switch (word) {
                case "null" -> null;
                case "true", "false" -> word.equals("true");
                default -> Double.valueOf(word);
            };
        }
    }
}
