package ticketbridge;

import java.util.Arrays;
import java.util.UUID;
import org.bukkit.command.Command;
import org.bukkit.command.CommandSender;
import org.bukkit.entity.Player;
import org.bukkit.plugin.java.JavaPlugin;

/** Runs the example plugin. Each argument is a command as a player types it; "console" types /link there. */
public class Plugin {
    record Notch(UUID getUniqueId, String getName) implements Player {
        @Override
        public void sendMessage(String text) { System.out.println(text); }
    }

    static final class Typed extends Command {
        Typed(String name) { super(name); }
    }

    static final CommandSender CONSOLE = new CommandSender() {
        @Override
        public void sendMessage(String text) { System.out.println(text); }

        @Override
        public String getName() { return "CONSOLE"; }
    };

    public static void main(String[] args) throws InterruptedException {
        var plugin = new LinkAccounts();
        plugin.onEnable();
        var notch = new Notch(UUID.fromString("550e8400-e29b-41d4-a716-446655440000"), "Notch");
        for (String line : args) {
            String[] words = line.split(" ");
            String[] rest = Arrays.copyOfRange(words, 1, words.length);
            if (line.equals("console")) {
                plugin.onCommand(CONSOLE, new Typed("link"), "link", rest);
            } else {
                plugin.onCommand(notch, new Typed(words[0]), words[0], rest);
                if (rest.length > 0 || words[0].equals("unlink")) {
                    JavaPlugin.MAIN_THREAD.take().run();
                }
            }
        }
    }
}
