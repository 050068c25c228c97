package ticketbridge;

import java.net.URI;
import java.util.concurrent.CompletableFuture;
import org.bukkit.command.Command;
import org.bukkit.command.CommandSender;
import org.bukkit.entity.Player;
import org.bukkit.plugin.java.JavaPlugin;

/**
 * A complete example: a Paper plugin with which players link their Minecraft account to their Discord account. MIT
 * licence. It needs TicketBridge.java beside it, and a plugin.yml and a config.yml, which the README has.
 */
public final class LinkAccounts extends JavaPlugin {
    private TicketBridge bridge;

    @Override
    public void onEnable() {
        saveDefaultConfig();
        bridge = new TicketBridge(URI.create(getConfig().getString("url")), getConfig().getString("api-key"));
    }

    /** /link CODE, with the code that /link gave in Discord, and /unlink. */
    @Override
    public boolean onCommand(CommandSender sender, Command command, String label, String[] words) {
        if (!(sender instanceof Player player)) {
            sender.sendMessage("Only players can do that.");
            return true;
        }
        var account = new TicketBridge.Player(player.getUniqueId(), player.getName());
        if (command.getName().equals("unlink")) {
            answer(player, bridge.unlink(account).thenApply(done -> "Your account is not linked any more."));
        } else if (words.length == 0) {
            player.sendMessage("Use /link in Discord to get a code, and type it here: /link CODE");
        } else {
            answer(player, bridge.link(account, String.join("", words)).thenApply(name ->
                    "You are linked to the Discord account " + name + ". Is that not yours? Type /unlink"));
        }
        return true;
    }

    /** Sends the outcome to the player once it is known, on the server's own thread. */
    private void answer(Player player, CompletableFuture<String> outcome) {
        outcome.whenCompleteAsync(
                (text, failure) -> player.sendMessage(failure == null ? text : TicketBridge.sentence(failure)),
                getServer().getScheduler().getMainThreadExecutor(this));
    }
}
