package ticketbridge;

import static java.time.temporal.ChronoUnit.MILLIS;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Files tickets from a Minecraft server or proxy, and links accounts. MIT licence; Java 17, no dependencies.
 *
 * <pre>{@code
 * var bridge = new TicketBridge(URI.create("https://tickets.example.com"), apiKey);
 * var ticket = Ticket.of("player", new Player(uuid, "Notch"), "Fly hacks", "He flies near spawn.")
 *         .about(new Player(accused, "Hacker123")).withTags("cheating", "fly");
 * bridge.create(ticket).whenCompleteAsync((filed, failure) -> sender.sendMessage(
 *         failure == null ? "Filed as " + filed.id() : TicketBridge.sentence(failure)), mainThread);
 * }</pre>
 *
 * No method blocks. Without an executor, what follows runs on a thread of the HTTP client, where most of the
 * server's API must not be used; Paper has {@code Bukkit.getScheduler().getMainThreadExecutor(plugin)}.
 * What you have to put right yourself, such as a wrong key, is in the server's log.
 */
public final class TicketBridge {
    private static final System.Logger LOG = System.getLogger("TicketBridge");
    private static final int TRIES = 5;
    private static final long FIRST_WAIT = 500; // milliseconds; doubled from one try to the next
    private static final long LONGEST_WAIT = 30_000; // milliseconds; a longer Retry-After ends the tries
    private static final Duration KEEP = Duration.ofHours(1); // an Idempotency-Key, while the outcome is unknown
    private static final Duration COMPLAIN_EVERY = Duration.ofMinutes(1);
    private static final Pattern WHOLE_SECONDS = Pattern.compile("[0-9]{1,9}");

    // What players read.
    private static final String CLOSED = "Messages cannot be sent right now. Try again later.";
    private static final String UNREACHABLE = "The ticket server cannot be reached. Try again later.";
    private static final String UNSENDABLE = "This message cannot be sent.";

    // What you read.
    private static final Map<Integer, String> CURES = Map.of(
            401, "Make a key with `ticketbridge key create --source modl`, and put it into your configuration.",
            403, "Does `ticketbridge workspace show` say that tickets are on?");
    private static final String OTHER_CURE = "Is that where your ticketbridge listens, without a path?";

    // Without a version, Java asks a plain HTTP server to switch to HTTP/2 first, which not every proxy survives.
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5)).build();
    private final Map<Turn, Instant> quietUntil = new ConcurrentHashMap<>();
    private final Map<Turn, Kept> unknown = new ConcurrentHashMap<>(); // messages that may have been saved
    private final Map<String, Instant> complaints = new ConcurrentHashMap<>();
    private final HttpRequest.Builder template;
    private final URI base;
    private final URI links;
    private final Duration cooldown;
    private final Duration pause;
    private final InstantSource clock;

    /** A player, by the UUID that the server has for them, dashed; a null name is left out. */
    public record Player(UUID uuid, String name) {}

    /**
     * What is filed. The type is one of player, chat, staff, bug, support, appeal; the priority low, normal or high.
     * Only creator and type are required: what is null is left out. A subject of more than 256 characters, a
     * description of more than 10,000, and blank ones are refused before anything is sent.
     */
    public record Ticket(String type, Player creator, String subject, String description, Player reportedPlayer,
            List<String> chatMessages, List<String> tags, String priority, String createdServer, String replayUrl) {

        public static Ticket of(String type, Player creator, String subject, String description) {
            return new Ticket(type, creator, subject, description, null, null, null, null, null, null);
        }

        public Ticket about(Player reported) {
            return new Ticket(type, creator, subject, description, reported,
                    chatMessages, tags, priority, createdServer, replayUrl);
        }

        /** Lines of chat, oldest first, as {@code 12:00:01 Notch: hello} in UTC. */
        public Ticket withChat(List<String> lines) {
            return new Ticket(type, creator, subject, description, reportedPlayer,
                    lines, tags, priority, createdServer, replayUrl);
        }

        public Ticket withTags(String... words) {
            return new Ticket(type, creator, subject, description, reportedPlayer,
                    chatMessages, words == null ? null : Arrays.asList(words), priority, createdServer, replayUrl);
        }

        public Ticket withPriority(String level) {
            return new Ticket(type, creator, subject, description, reportedPlayer,
                    chatMessages, tags, level, createdServer, replayUrl);
        }

        public Ticket withServer(String name) {
            return new Ticket(type, creator, subject, description, reportedPlayer,
                    chatMessages, tags, priority, name, replayUrl);
        }

        /** Why the player's own text is not sent; null if it can be. */
        String problem() {
            String found = problemWith("subject", subject, 256);
            return found != null ? found : problemWith("message", description, 10_000);
        }

        private static String problemWith(String name, String text, int most) {
            if (text == null) {
                return null;
            }
            if (text.length() > 2 * most || text.codePointCount(0, text.length()) > most) {
                return "The " + name + " is too long: " + most + " characters at most.";
            }
            boolean blank = text.chars().allMatch(
                    c -> Character.isWhitespace(c) || Character.isSpaceChar(c) || Character.isISOControl(c));
            return blank ? "The " + name + " is empty." : null;
        }

        String json() {
            return new Json()
                    .text("creatorUuid", creator.uuid()).text("creatorName", creator.name()).text("type", type)
                    .text("subject", subject).text("description", description)
                    .text("reportedPlayerUuid", reportedPlayer == null ? null : reportedPlayer.uuid())
                    .text("reportedPlayerName", reportedPlayer == null ? null : reportedPlayer.name())
                    .texts("chatMessages", chatMessages).texts("tags", tags).text("priority", priority)
                    .text("createdServer", createdServer).text("replayUrl", replayUrl)
                    .end();
        }
    }

    /**
     * A saved ticket: its id, and the address of the page where its player reads and answers it, or null if the server
     * has none. Show that to nobody else: whoever has it can answer as the player.
     */
    public record Filed(String id, String page) {}

    /** There is no ticket, or no link; the message is a sentence to show to the player. */
    public static final class NoTicket extends RuntimeException {
        NoTicket(String sentence, Throwable cause) {
            super(sentence, cause);
        }
    }

    private record Turn(UUID player, String type) {
        static final String LINK = " link"; // no type of ticket: it holds up no report
    }

    private record Kept(Ticket content, String body, String idempotencyKey, Instant until) {}

    /** One request with all its tries. */
    private static final class Filing {
        final CompletableFuture<String> outcome = new CompletableFuture<>();
        final HttpRequest request;
        final String result; // the member of the answer that is the outcome
        volatile String page; // what else the answer says of the ticket
        int tries;
        boolean unknown; // whether a ticket may have been saved

        Filing(HttpRequest request, String result) {
            this.request = request;
            this.result = result;
        }

        void fail(String sentence, Throwable cause) {
            outcome.completeExceptionally(new NoTicket(sentence, cause));
        }
    }

    public TicketBridge(URI base, String apiKey) {
        this(base, apiKey, Duration.ofSeconds(60));
    }

    public TicketBridge(URI base, String apiKey, Duration cooldown) {
        this(base, apiKey, cooldown, Duration.ofSeconds(5));
    }

    /**
     * The cooldown follows a success, the pause any other answer, for each player and type of ticket.
     * Throws for an address or a key that cannot be sent.
     */
    public TicketBridge(URI base, String apiKey, Duration cooldown, Duration pause) {
        this(base, apiKey, cooldown, pause, Duration.ofSeconds(10), InstantSource.system());
    }

    TicketBridge(URI base, String apiKey, Duration cooldown, Duration pause, Duration timeout, InstantSource clock) {
        this.base = base;
        this.cooldown = cooldown.compareTo(pause) < 0 ? pause : cooldown;
        this.pause = pause;
        this.clock = clock;
        String root = base.toString().replaceAll("/+$", "");
        this.links = URI.create(root + "/v1/links");
        this.template = HttpRequest.newBuilder(URI.create(root + "/v1/minecraft/tickets"))
                .timeout(timeout)
                .header("Content-Type", "application/json")
                .header("X-API-Key", apiKey.strip()); // a key read from a file often ends in a line break
    }

    /**
     * The saved ticket, or {@link NoTicket}; never throws. One message of a player and type at a time, and a quiet time
     * after each, whatever came of it.
     */
    public CompletableFuture<Filed> create(Ticket ticket) {
        try {
            return file(ticket);
        } catch (RuntimeException mistake) { // such as a ticket without a creator
            complain("mistake", "A ticket cannot be sent: " + mistake);
            return refused(UNSENDABLE, mistake);
        }
    }

    /**
     * Links the player to the Discord account whose {@code /link} gave the code that they typed in the game. The name
     * of that account, which the player should read: it is their own, or they typed somebody else's code; or
     * {@link NoTicket}. Never throws. One request of a player at a time, and the pause after each. A code that
     * the player used before gets the same answer.
     */
    public CompletableFuture<String> link(Player player, String code) {
        try {
            return sendCode(player, code);
        } catch (RuntimeException mistake) { // such as a player without a UUID
            complain("mistake", "A code cannot be sent: " + mistake);
            return refused(UNSENDABLE, mistake);
        }
    }

    /** Cuts the player's link, if there is one. Done, or {@link NoTicket}; never throws. */
    public CompletableFuture<Void> unlink(Player player) {
        try {
            return sendLink(player, null, URI.create(links + "/remove"), "playerId").thenApply(id -> null);
        } catch (RuntimeException mistake) {
            complain("mistake", "A link cannot be cut: " + mistake);
            return refused(UNSENDABLE, mistake);
        }
    }

    private CompletableFuture<String> sendCode(Player player, String code) {
        String problem = code == null ? "The code is missing." : Ticket.problemWith("code", code, 64);
        return problem != null ? refused(problem, null) : sendLink(player, code, links, "discordName");
    }

    private CompletableFuture<String> sendLink(Player player, String code, URI path, String result) {
        Turn turn = new Turn(Objects.requireNonNull(player.uuid(), "The player has no UUID."), Turn.LINK);
        String body = new Json().text("code", code).text("playerId", player.uuid()).text("playerName", player.name())
                .end();
        HttpRequest request = template.copy().uri(path).POST(BodyPublishers.ofString(body)).build();
        return send(turn, "request", new Filing(request, result), pause, null);
    }

    private static <T> CompletableFuture<T> refused(String sentence, Throwable cause) {
        return CompletableFuture.failedFuture(new NoTicket(sentence, cause));
    }

    private CompletableFuture<Filed> file(Ticket ticket) {
        Turn turn = new Turn(Objects.requireNonNull(ticket.creator().uuid(), "The creator has no UUID."),
                Objects.requireNonNull(ticket.type(), "The ticket has no type.").toLowerCase(Locale.ROOT));
        String problem = ticket.problem();
        if (problem != null) {
            return refused(problem, null);
        }
        Instant now = clock.instant();
        unknown.values().removeIf(kept -> !kept.until().isAfter(now));
        Kept message = message(turn, ticket, now);
        HttpRequest request = template.copy().header("Idempotency-Key", message.idempotencyKey())
                .POST(BodyPublishers.ofString(message.body())).build();
        Filing filing = new Filing(request, "ticketId");
        return send(turn, "message", filing, cooldown, message).thenApply(id -> new Filed(id, filing.page));
    }

    /** One at a time in each turn. A message is kept while its outcome is unknown; a link need not be. */
    private CompletableFuture<String> send(Turn turn, String noun, Filing filing, Duration quiet, Kept message) {
        Instant now = clock.instant();
        quietUntil.values().removeIf(until -> !until.isAfter(now));
        Instant until = quietUntil.putIfAbsent(turn, Instant.MAX); // until the outcome is known
        if (until != null) {
            return refused(until.equals(Instant.MAX)
                    ? "Your last " + noun + " is still on its way."
                    : "Wait " + (now.until(until, MILLIS) + 999) / 1000 + " s before you send another " + noun + ".",
                    null);
        }
        CompletableFuture<String> outcome = filing.outcome.whenComplete((id, failure) -> {
            if (id != null) {
                unknown.remove(turn);
            } else if (filing.unknown && message != null) {
                unknown.put(turn, message);
            }
            quietUntil.put(turn, clock.instant().plus(id != null ? quiet : pause));
        });
        attempt(filing);
        return outcome;
    }

    /**
     * One key for all tries: an answer that got lost does not make a second ticket, where the server knows it. While
     * the outcome is unknown, the same message goes out as before, with the chat as it was.
     */
    private Kept message(Turn turn, Ticket ticket, Instant now) {
        Ticket content = ticket.withChat(null);
        Kept kept = unknown.get(turn);
        return kept != null && kept.content().equals(content)
                ? kept
                : new Kept(content, ticket.json(), UUID.randomUUID().toString(), now.plus(KEEP));
    }

    /** What to tell the player about a failure of any method, however deep futures have wrapped it. */
    public static String sentence(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof NoTicket) {
                return cause.getMessage();
            }
        }
        return UNSENDABLE;
    }

    private void attempt(Filing filing) {
        filing.tries++;
        CompletableFuture<HttpResponse<String>> sent;
        try {
            sent = http.sendAsync(filing.request, BodyHandlers.ofString());
        } catch (RuntimeException refused) {
            sent = CompletableFuture.failedFuture(refused);
        }
        sent.handle((answer, thrown) -> {
            judge(filing, answer, thrown instanceof CompletionException ? thrown.getCause() : thrown);
            return null;
        }).exceptionally(mistake -> {
            filing.fail(UNSENDABLE, mistake);
            return null;
        });
    }

    /** Tries again what may pass: no answer, 429, 5xx. Any other answer is final. */
    private void judge(Filing filing, HttpResponse<String> answer, Throwable thrown) {
        boolean lost = answer == null ? thrown instanceof IOException && !isUntrusted(thrown)
                : answer.statusCode() >= 500;
        filing.unknown |= lost;
        long wait = waitAfter(filing.tries, answer);
        boolean mayPass = lost || answer != null && answer.statusCode() == 429;
        if (mayPass && filing.tries < TRIES && wait <= LONGEST_WAIT) {
            CompletableFuture.delayedExecutor(wait, TimeUnit.MILLISECONDS).execute(() -> attempt(filing));
        } else if (answer != null) {
            settle(filing, answer);
        } else {
            complain("no answer", base + " cannot be reached: " + thrown);
            filing.fail(lost ? UNREACHABLE : CLOSED, thrown);
        }
    }

    /** Whether the server's certificate is not valid, which does not pass by itself. */
    private static boolean isUntrusted(Throwable thrown) {
        for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
            if (cause instanceof GeneralSecurityException) {
                return true;
            }
        }
        return false;
    }

    private void settle(Filing filing, HttpResponse<String> answer) {
        int status = answer.statusCode();
        String id = status / 100 == 2 ? Json.member(answer.body(), filing.result) : null;
        if (id != null && !id.isEmpty()) {
            filing.page = Json.member(answer.body(), "ticketUrl");
            filing.outcome.complete(id);
            return;
        }
        String message = Json.member(answer.body(), "message");
        String error = message != null ? message : Json.member(answer.body(), "error");
        String told = error != null ? error : "The ticket server answered with status " + status + ".";
        boolean aboutTheMessage = status == 400 || status == 409;
        boolean forThePlayer = aboutTheMessage || status == 429 || status >= 500;
        filing.unknown |= status / 100 == 2;
        complain(String.valueOf(status), base + " answered " + status + ": " + told
                + (forThePlayer ? "" : " " + CURES.getOrDefault(status, OTHER_CURE)));
        filing.fail(forThePlayer ? told : CLOSED, null);
    }

    /** Logs each cause once a minute: players may cause it in a loop. */
    private void complain(String cause, String text) {
        Instant now = clock.instant();
        Instant last = complaints.get(cause);
        if (last == null || !now.isBefore(last.plus(COMPLAIN_EVERY))) {
            complaints.put(cause, now);
            LOG.log(Level.WARNING, text);
        }
    }

    /** Milliseconds: what the server asks for, or else longer from try to try and never in step with other servers. */
    private static long waitAfter(int number, HttpResponse<String> answer) {
        String asked = answer == null ? "" : answer.headers().firstValue("Retry-After").orElse("");
        long wait = FIRST_WAIT << (number - 1);
        return WHOLE_SECONDS.matcher(asked).matches()
                ? Long.parseLong(asked) * 1000
                : wait + ThreadLocalRandom.current().nextLong(wait / 2);
    }

    /** As much JSON as tickets need, so that this stays one file. */
    private static final class Json {
        private final StringBuilder out = new StringBuilder("{");

        Json text(String name, Object value) {
            if (value != null) {
                name(name);
                quote(value.toString());
            }
            return this;
        }

        Json texts(String name, List<String> values) {
            if (values != null && !values.isEmpty()) {
                name(name);
                String separator = "[";
                for (String value : values) {
                    if (value != null) {
                        out.append(separator);
                        quote(value);
                        separator = ",";
                    }
                }
                out.append(separator.equals("[") ? "[]" : "]");
            }
            return this;
        }

        String end() {
            return out.append('}').toString();
        }

        private void name(String name) {
            out.append(out.length() == 1 ? "\"" : ",\"").append(name).append("\":");
        }

        private void quote(String text) {
            out.append('"');
            for (char c : text.toCharArray()) {
                if (c == '"' || c == '\\') {
                    out.append('\\').append(c);
                } else if (c < ' ') {
                    out.append(String.format("\\u%04x", (int) c));
                } else {
                    out.append(c);
                }
            }
            out.append('"');
        }

        /** The first text of that name, wherever it stands; null if there is none, or the answer is no JSON. */
        static String member(String json, String name) {
            Matcher found = Pattern.compile('"' + name + "\"\\s*:\\s*\"").matcher(json);
            try {
                return found.find() ? unquoted(json, found.end()) : null;
            } catch (NumberFormatException noHexDigits) {
                return null;
            }
        }

        private static String unquoted(String json, int start) {
            StringBuilder text = new StringBuilder();
            for (int at = start; at < json.length(); at++) {
                char c = json.charAt(at);
                if (c == '"') {
                    return text.toString();
                }
                if (c == '\\' && ++at < json.length()) {
                    c = json.charAt(at);
                    int letter = "bfnrt".indexOf(c);
                    if (c == 'u' && at + 4 < json.length()) {
                        c = (char) Integer.parseInt(json, at + 1, at + 5, 16);
                        at += 4;
                    } else if (letter >= 0) {
                        c = "\b\f\n\r\t".charAt(letter);
                    }
                }
                text.append(c);
            }
            return null; // cut off
        }
    }
}
