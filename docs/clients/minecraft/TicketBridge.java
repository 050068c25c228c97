package ticketbridge;

import static java.time.temporal.ChronoUnit.SECONDS;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Files tickets from a Minecraft server or proxy. MIT licence; Java 17, no dependencies.
 *
 * <pre>{@code
 * var bridge = new TicketBridge(URI.create("https://tickets.example.com"), apiKey);
 * var ticket = Ticket.of("player", new Player(uuid, "Notch"), "Fly hacks", "He flies near spawn.")
 *         .about(new Player(accused, "Hacker123")).withTags("cheating", "fly");
 * bridge.create(ticket).whenCompleteAsync((id, failure) -> sender.sendMessage(
 *         failure == null ? "Filed as " + id : TicketBridge.sentence(failure)), mainThread);
 * }</pre>
 *
 * No method blocks. Without an executor, what follows runs on a thread of the HTTP client, where most of the
 * server's API must not be used; Paper has {@code Bukkit.getScheduler().getMainThreadExecutor(plugin)}.
 */
public final class TicketBridge {
    private static final int TRIES = 5;
    private static final long FIRST_WAIT = 500; // milliseconds; doubled from one try to the next
    private static final long LONGEST_WAIT = 30_000; // milliseconds; a longer Retry-After ends the tries
    private static final Pattern WHOLE_SECONDS = Pattern.compile("[0-9]{1,9}");

    // Without a version, Java asks a plain HTTP server to switch to HTTP/2 first, which not every proxy survives.
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5)).build();
    private final Map<Turn, Instant> quietUntil = new ConcurrentHashMap<>();
    private final HttpRequest.Builder template;
    private final Duration cooldown;

    /** A player, by the UUID that the server has for them, dashed; a null name is left out. */
    public record Player(UUID uuid, String name) {}

    /**
     * What is filed. The type is one of player, chat, staff, bug, support, appeal; the priority low, normal or high.
     * Only creator and type are required: what is null or empty is left out.
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
                    chatMessages, List.of(words), priority, createdServer, replayUrl);
        }

        public Ticket withPriority(String level) {
            return new Ticket(type, creator, subject, description, reportedPlayer,
                    chatMessages, tags, level, createdServer, replayUrl);
        }

        public Ticket withServer(String name) {
            return new Ticket(type, creator, subject, description, reportedPlayer,
                    chatMessages, tags, priority, name, replayUrl);
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

    /** There is no ticket; the message is a sentence to show to the player. */
    public static final class NoTicket extends RuntimeException {
        NoTicket(String sentence, Throwable cause) {
            super(sentence, cause);
        }
    }

    private record Turn(UUID player, String type) {}

    public TicketBridge(URI base, String apiKey) {
        this(base, apiKey, Duration.ofSeconds(60));
    }

    /** The cooldown is for each player and type of ticket. Throws for an address or a key that cannot be sent. */
    public TicketBridge(URI base, String apiKey, Duration cooldown) {
        this.cooldown = cooldown;
        URI tickets = URI.create(base.toString().replaceAll("/+$", "") + "/v1/minecraft/tickets");
        this.template = HttpRequest.newBuilder(tickets)
                .timeout(Duration.ofSeconds(10))
                .header("Content-Type", "application/json")
                .header("X-API-Key", apiKey.strip()); // a key read from a file often ends in a line break
    }

    /** The id of the saved ticket, or {@link NoTicket}. The cooldown begins with a success: a failure can be retried. */
    public CompletableFuture<String> create(Ticket ticket) {
        String body = ticket.json(); // first of all: a ticket without a creator is the caller's mistake, and throws
        Instant now = Instant.now();
        quietUntil.values().removeIf(until -> !until.isAfter(now));
        Turn turn = new Turn(ticket.creator().uuid(), String.valueOf(ticket.type()).toLowerCase(Locale.ROOT));
        Instant until = quietUntil.putIfAbsent(turn, Instant.MAX); // until the outcome is known
        if (until != null) {
            return CompletableFuture.failedFuture(new NoTicket(until.equals(Instant.MAX)
                    ? "Your last message is still on its way."
                    : "Wait " + (now.until(until, SECONDS) + 1) + " s before you send another message.", null));
        }
        // One key for all tries: an answer that got lost does not make a second ticket, where the server knows it.
        HttpRequest request = template.copy().header("Idempotency-Key", UUID.randomUUID().toString())
                .POST(BodyPublishers.ofString(body)).build();
        CompletableFuture<String> outcome = new CompletableFuture<>();
        attempt(request, 1, outcome);
        return outcome.whenComplete((id, failure) -> {
            if (failure == null) {
                quietUntil.put(turn, Instant.now().plus(cooldown));
            } else {
                quietUntil.remove(turn);
            }
        });
    }

    /** What to tell the player about a failure of {@link #create}, however deep futures have wrapped it. */
    public static String sentence(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof NoTicket) {
                return cause.getMessage();
            }
        }
        return "The ticket could not be sent.";
    }

    /** Tries again what may pass: no answer, 429, 5xx. Any other answer is final. */
    private void attempt(HttpRequest request, int number, CompletableFuture<String> outcome) {
        http.sendAsync(request, BodyHandlers.ofString()).whenComplete((answer, thrown) -> {
            Throwable cause = thrown instanceof CompletionException ? thrown.getCause() : thrown;
            boolean mayPass = answer != null
                    ? answer.statusCode() == 429 || answer.statusCode() >= 500
                    : cause instanceof IOException;
            long wait = waitAfter(number, answer);
            if (mayPass && number < TRIES && wait <= LONGEST_WAIT) {
                CompletableFuture.delayedExecutor(wait, TimeUnit.MILLISECONDS)
                        .execute(() -> attempt(request, number + 1, outcome));
            } else {
                settle(answer, cause, outcome);
            }
        });
    }

    private static void settle(HttpResponse<String> answer, Throwable cause, CompletableFuture<String> outcome) {
        if (answer == null) {
            outcome.completeExceptionally(
                    new NoTicket("The ticket server cannot be reached. Try again later.", cause));
            return;
        }
        String id = answer.statusCode() / 100 == 2 ? Json.member(answer.body(), "ticketId") : null;
        if (id != null) {
            outcome.complete(id);
            return;
        }
        String message = Json.member(answer.body(), "message");
        String error = message != null ? message : Json.member(answer.body(), "error");
        outcome.completeExceptionally(new NoTicket(
                error != null ? error : "The ticket server answered with status " + answer.statusCode() + ".", null));
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
                for (int i = 0; i < values.size(); i++) {
                    out.append(i == 0 ? '[' : ',');
                    quote(values.get(i));
                }
                out.append(']');
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
